import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LogStream } from '../../src/cli/log-stream.js'
import { bash, CliProcess, endAll, scratch } from './cli-process.js'

const log = suite('log stream')
const dir = scratch()
const MODULE = JSON.stringify(new URL('../../src/cli/log-stream.js', import.meta.url).href)

log.after(endAll)

function writer(script: string): CliProcess {
  const text = `import { LogStream } from ${MODULE}\n${script}`
  return new CliProcess([], {}, [process.execPath, '--input-type=module', '-e', text])
}

log('drops lines that nobody reads, counts them, and never waits', async () => {
  const program = writer(`
    const stream = new LogStream(process.stdout, 100_000)
    for (let at = 0; at < 50_000; at++) stream.write('x'.repeat(99) + '\\n')
    console.error('dropped ' + stream.dropped)
    process.stdin.once('data', async () => {
      await stream.flush(20_000)
      stream.write('last\\n')
      await stream.flush(20_000)
      process.exit()
    })`)
  program.child.stdout?.pause()
  const [, dropped] = await program.says(/dropped (\d+)/)
  assert.ok(Number(dropped) > 40_000)
  program.child.stdout?.resume()
  program.child.stdin?.write('go')
  const { code, out } = await program.ended()
  assert.is(code, 0)
  const lines = out.trimEnd().split('\n')
  assert.is(lines.pop(), 'last')
  assert.match(JSON.parse(lines.pop() as string).msg, new RegExp(`^${dropped} log lines were dropped`))
  assert.is(lines.length, 50_000 - Number(dropped))
  assert.ok(lines.every(line => line === 'x'.repeat(99)))
})

log('does not wait for a pipe of a shell either', async () => {
  const script = join(dir, 'pipe.mjs')
  const text = `import { LogStream } from ${MODULE}
    import { writeFileSync } from 'node:fs'
    const stream = new LogStream(process.stdout, 100_000)
    for (let at = 0; at < 50_000; at++) stream.write('x'.repeat(99) + '\\n')
    writeFileSync(${JSON.stringify(join(dir, 'written'))}, String(stream.dropped))
    await stream.flush(20_000)
    process.exit()`
  writeFileSync(script, text)
  const wait = `while [ ! -e ${join(dir, 'written')} ]; do sleep 0.02; done`
  const { code, out } = await bash(`set -o pipefail; '${process.execPath}' ${script} 2>&1 | (${wait}; cat)`)
  assert.is(code, 0)
  const dropped = Number(readFileSync(join(dir, 'written'), 'utf8'))
  assert.ok(dropped > 40_000)
  const lines = out.trimEnd().split('\n')
  assert.is(lines.length, 50_000 - dropped)
})

log('lives on where its reader is gone', async () => {
  const program = writer(`
    const stream = new LogStream(process.stdout)
    stream.write('a\\n')
    process.stdin.once('data', async () => {
      for (let at = 0; at < 100; at++) stream.write('b\\n')
      await stream.flush(20_000)
      stream.write('c\\n')
      console.error('alive')
      process.exit()
    })`)
  await program.says(/a\n/)
  program.child.stdout?.destroy()
  program.child.stdin?.write('go')
  await program.says(/alive/)
  assert.is((await program.ended()).code, 0)
})

log('writes to files, and passes over those that are full', async () => {
  const path = join(dir, 'log')
  const stream = new LogStream(openSync(path, 'a'))
  stream.write('a\n')
  stream.write('b\n')
  await stream.flush(1_000)
  assert.is(readFileSync(path, 'utf8'), 'a\nb\n')
  const full = new LogStream(openSync('/dev/full', 'w'))
  full.write('a\n')
  await full.flush(1_000)
  assert.is(full.dropped, 0)
})

log.run()
