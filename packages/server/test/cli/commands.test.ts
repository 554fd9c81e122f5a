import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CliProcess, endAll, scratch } from './cli-process.js'

const commands = suite('commands')

commands.after(endAll)

const url = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href)
/** Says the packages in the format of CommonJS that are loaded by then. */
const SAY = `
  import { createRequire } from 'node:module'
  const { cache } = createRequire(import.meta.url)
  const say = () => {
    const names = Object.keys(cache).map(path => /.*node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(path)?.[1])
    console.log(JSON.stringify([...new Set(names)].sort()))
  }`

async function said(script: string): Promise<string[]> {
  const program = new CliProcess([], {}, [process.execPath, '--input-type=module', '-e', `${SAY}\n${script}`])
  const { out, err } = await program.ended()
  const line = out.split('\n').findLast(line => line.startsWith('['))
  assert.ok(line, out + err)
  return JSON.parse(line as string)
}

commands('load the parser alone before they ask a server', async () => {
  const packages = await said(`
    const { runProgram } = await import(${url('cli/program.js')})
    const printer = { note() {}, progress() {} }
    await runProgram(['get', 'x', '--url', 'http://127.0.0.1:1', '--timeout-ms', '1'], { printer, env: {} })
    say()`)
  assert.equal(packages, ['commander'])
})

commands('load for a start neither the page of the API nor what else may never be asked for', async () => {
  const packages = await said(`
    const { openLogger } = await import(${url('cli/logger.js')})
    const { startServer } = await import(${url('server.js')})
    const { logger } = await openLogger({ level: 'silent', format: 'json', node: 'a' })
    const options = { name: 'a', dataDir: ${JSON.stringify(join(scratch(), 'a'))}, runtimeDir: false, logger }
    const server = await startServer({ ...options, listen: { host: '127.0.0.1', port: 0 } })
    await (await fetch(server.url + '/readyz')).text()
    say()
    await server.close()`)
  for (const name of ['fastify', 'pino']) assert.ok(packages.includes(name), `${name} in ${packages}`)
  const late = /^(?:yaml|pino-pretty|prom-client|@opentelemetry\/.*|@fastify\/(?:swagger.*|static|cors|rate-limit))$/
  assert.equal(
    packages.filter(name => late.test(name)),
    [],
  )
})

commands.run()
