import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePorts } from '../cluster/free-port.js'
import { CliProcess, endAll, scratch } from './cli-process.js'
import { command, tallymeshLines } from './command-line.js'

const dir = scratch()
const cluster = suite('tallymesh cluster')

cluster.after(endAll)

cluster('refuses what it cannot run', async () => {
  const cases = [
    [[], /--data must name a directory/],
    [['--data', dir, '--nodes', '17'], /--nodes must be an integer from 1 to 16, got "17"/],
    [['--data', dir, '--lb', 'ngnix'], /--lb must be haproxy or nginx, got "ngnix"/],
    [['--data', dir, '--host', '10.0.0.1'], /must be a loopback address/],
    [['--data', dir, 'stray'], /"stray" is not expected; flags for the nodes follow after --/],
  ] as const
  const runs = await tallymeshLines(cases.map(([args]) => ({ args: ['cluster', ...args] })))
  for (const [at, [, message]] of cases.entries()) {
    const { code, err = '' } = runs[at] ?? {}
    assert.is(code, 2, err)
    assert.match(err, message)
  }
})

cluster('runs nodes with further flags until it is told to end', async () => {
  const port = await freePorts(3)
  const flags = ['--', '--drain-ms', '50', '--runtime-dir', join(dir, 'run'), '--close-timeout-ms', '100']
  const program = new CliProcess(['cluster', '--data', dir, '--nodes', '2', '--port', String(port), '--json', ...flags])
  await program.says(/"node":"node-1"[^\n]*"type":"ready"|"type":"ready"[^\n]*"node":"node-1"/)
  await program.says(/"node":"node-2"[^\n]*"type":"ready"|"type":"ready"[^\n]*"node":"node-2"/)
  const url = `http://127.0.0.1:${port + 1}`
  assert.is((await command(['add', 'orders', '--replicas', '2', '--url', url])).out, '1\n')
  assert.is((await command(['get', 'orders', '--url', `http://127.0.0.1:${port + 2}`])).out, '1\n')
  program.signal('SIGTERM')
  const { code, out, err } = await program.ended()
  assert.is(code, 0, out + err)
})

cluster.run()
