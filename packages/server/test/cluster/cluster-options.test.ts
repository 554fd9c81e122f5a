import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TallymeshError } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ClusterOptions, planCluster } from '../../src/cluster/cluster-options.js'
import { checkPorts } from '../../src/cluster/free-ports.js'
import { runCluster } from '../../src/cluster/run-cluster.js'

const test = suite('cluster options')
let dir: string
test.before(() => {
  dir = mkdtempSync(join(tmpdir(), 'tallymesh-plan-'))
})
test.after(() => rmSync(dir, { recursive: true, force: true }))

test('three nodes follow the balancer, each with a directory and all others as peers', () => {
  const { specs, ports, port } = planCluster({ data: dir, lb: 'nginx', room: 'shop', flags: ['--log-level', 'debug'] })
  assert.is(port, 7000)
  assert.equal(
    ports.map(({ what, port }) => `${what} ${port}`),
    ['nginx 7000', 'node-1 7001', 'node-2 7002', 'node-3 7003'],
  )
  assert.is(specs[1]?.dataDir, join(dir, 'node-2'))
  assert.equal(specs[1]?.peers, ['ws://127.0.0.1:7001', 'ws://127.0.0.1:7003'])
  assert.equal(specs[1]?.flags?.slice(-4), ['--room', 'shop', '--log-level', 'debug'])
  assert.ok(specs[1]?.env && 'TALLYMESH_ADVERTISE' in specs[1].env && specs[1].env.TALLYMESH_ADVERTISE === undefined)
})

test('what is out of range is refused, with what it may be', () => {
  const wrong: [Partial<ClusterOptions>, RegExp][] = [
    [{ nodes: 0 }, /--nodes must be an integer from 1 to 16, got 0/],
    [{ nodes: 17 }, /--nodes/],
    [{ port: 65_535 }, /--port must be an integer from 1 to 65532, got 65535/],
    [{ seconds: 0 }, /--seconds/],
    [{ restartsMax: 0 }, /--restarts-max/],
    [{ restartWindowMs: 10 }, /--restart-window-ms/],
    [{ flags: ['--name', 'x'] }, /^--name after -- cannot be one for all nodes/],
    [{ flags: ['--log-level', 'debug', '--data=./x'] }, /^--data after --/],
    [{ flags: ['--listen', '127.0.0.1:0'] }, /^--listen after --/],
    [{ host: '0.0.0.0' }, /--host must be a loopback address such as 127.0.0.1, got 0.0.0.0/],
  ]
  for (const [options, message] of wrong) {
    assert.throws(
      () => planCluster({ data: dir, ...options }),
      (error: Error) => code(error) === 'INVALID_OPTION' && message.test(error.message),
    )
  }
})

test('a data directory that cannot be made is named', () => {
  const file = join(dir, 'file')
  writeFileSync(file, '')
  assert.throws(
    () => planCluster({ data: join(file, 'x') }),
    (error: Error) => code(error) === 'STORE_UNUSABLE' && error.message.includes(file),
  )
})

test('ports that are taken are named before anything is started', async () => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const error = await runCluster({ data: dir, port: port - 1, nodes: 1 }).then(
    () => undefined,
    (error: Error) => error,
  )
  server.close()
  assert.is(code(error), 'LISTEN_FAILED')
  const advice = 'On 127.0.0.1: end what listens there, or choose other ports with --port'
  assert.is(error?.message, `port ${port} for node-1 is in use by another program. ${advice}`)
})

test('an address that this machine does not have is said, too', async () => {
  const error = await checkPorts('192.0.2.1', [{ what: 'node-1', port: 7001 }]).then(
    () => undefined,
    (error: Error) => error,
  )
  assert.match(error?.message ?? '', /port 7001 for node-1 cannot be listened on \(.*EADDRNOTAVAIL/)
})

function code(error: unknown): string | undefined {
  return error instanceof TallymeshError ? error.code : undefined
}

test.run()
