// deadline: 300 s
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type BalancerKind, findBalancer } from '../../src/cluster/balancer-files.js'
import { until } from '../../src/cluster/until.js'
import { startServer } from '../../src/server.js'
import { freePorts } from './free-port.js'
import { alive, killClusters, TallymeshCluster } from './tallymesh-cluster.js'

const test = suite('tallymesh cluster')
const DEADLINE_MS = 60_000
let dir: string

test.before.each(() => {
  dir = mkdtempSync(join(tmpdir(), 'tallymesh-run-cluster-'))
})
test.after.each(() => {
  killClusters()
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
})

test('a killed and a frozen node come back with their values, and a second start goes on with them', async () => {
  const port = await freePorts(4)
  const args = ['--data', join(dir, 'data'), '--port', `${port}`]
  const cluster = await TallymeshCluster.up(args)
  const url = `http://127.0.0.1:${port + 1}`
  assert.is(await add(url, 3), 3)
  for (const [signal, node] of [
    ['SIGKILL', 'node-1'],
    ['SIGSTOP', 'node-2'],
  ] as const) {
    const [first] = cluster.of(node, 'ready')
    process.kill(first?.pid as number, signal)
    await cluster.printed(node, 'ready', 2)
    assert.ok((cluster.of(node, 'ready')[1]?.awayMs ?? 0) > 0)
  }
  assert.is(cluster.of('node-2', 'hung').length, 1)
  assert.not.match(cluster.text, /is suspect/)
  await until('the killed node to show the value', async () => (await value(url)) === 3, DEADLINE_MS)
  assert.is(await add(url, 1), 4)
  assert.is(await cluster.end(), 0)
  assert.equal(cluster.pids.filter(alive), [])

  const again = await TallymeshCluster.up(args)
  await until('the value of the first run', async () => (await value(url)) === 4, DEADLINE_MS)
  assert.is(await again.end(), 0)
  assert.equal(
    readdirSync(join(dir, 'data'))
      .filter(name => name.endsWith('.log'))
      .sort(),
    ['node-1.log', 'node-2.log', 'node-3.log'],
  )
})

for (const lb of ['haproxy', 'nginx'] as const) {
  test(`SIGHUP restarts one node after another behind ${lb}, under traffic`, async () => {
    if (!installed(lb)) return
    const port = await freePorts(4)
    const cluster = await TallymeshCluster.up(['--data', join(dir, 'data'), '--port', `${port}`, '--lb', lb])
    const url = `http://127.0.0.1:${port}`
    const traffic = new Traffic(url)
    cluster.signal('SIGHUP')
    for (const node of ['node-1', 'node-2', 'node-3']) await cluster.printed(node, 'ready', 2)
    await cluster.printed('cluster', 'note', 2)
    await traffic.stop()
    assert.equal(traffic.failures, [])
    // Each node by itself: behind the balancer one that is a moment behind may answer the second question.
    for (const node of [1, 2, 3]) {
      const own = `http://127.0.0.1:${port + node}`
      await until(`the total on node-${node}`, async () => (await value(own)) >= traffic.counted, DEADLINE_MS)
      assert.is(await value(own), traffic.counted)
    }
    assert.is(await cluster.end(), 0)
    assert.equal(cluster.pids.filter(alive), [])
  })
}

for (const lb of ['haproxy', 'nginx'] as const) {
  test(`a watch, a large batch, a backup and the y-websocket door pass ${lb}`, async () => {
    if (!installed(lb)) return
    const port = await freePorts(2)
    const args = ['--data', join(dir, 'data'), '--port', `${port}`, '--nodes', '1', '--lb', lb]
    const cluster = await TallymeshCluster.up(args)
    const url = `http://127.0.0.1:${port}`
    const watch = await fetch(`${url}/v1/counters/${encodeURIComponent('a/b{c="d"}')}/watch?intervalMs=10`)
    const events = watch.body?.getReader()
    let seen = ''
    const read = async (what: RegExp) => {
      while (!what.test(seen)) seen += Buffer.from((await events?.read())?.value ?? '').toString('utf8')
    }
    await read(/"value":0/)
    const key = `a/b{c="d"}`
    const batch = Array.from({ length: 2_000 }, (_, i) => ({
      key: i === 0 ? key : `${'k'.repeat(100)}${i}`,
      add: i + 1,
    }))
    const added = await post(`${url}/v1/counters`, 'application/json', JSON.stringify(batch))
    assert.is(added.length, 2_000)
    await read(/"value":1\b/)
    await events?.cancel()
    const backup = await (await fetch(`${url}/v1/export`)).text()
    assert.equal(await post(`${url}/v1/import`, 'application/x-ndjson', backup), { slots: 2_000, changed: 0 })
    assert.match(await upgrade(port, '/yjs/default'), /^HTTP\/1.1 101 /)
    assert.match(await upgrade(port, '/mesh'), /^HTTP\/1.1 404 /)
    assert.is(await cluster.end(), 0)
  })
}

test('a node that cannot run is given up; the cluster goes on, and ends with 1', async () => {
  const port = await freePorts(4)
  const data = join(dir, 'data')
  const listen = { host: '127.0.0.1', port: 0 }
  const other = await startServer({ name: 'node-1', dataDir: join(data, 'node-1'), room: 'other', listen, drainMs: 0 })
  await add(other.url, 1)
  await other.close()
  const cluster = await TallymeshCluster.up(['--data', data, '--port', `${port}`, '--nodes', '2'])
  await cluster.printed('node-1', 'given-up')
  assert.match(cluster.text, /STORE_WRONG_ROOM/)
  assert.is(cluster.of('node-1', 'started').length, 1)
  assert.is(await add(`http://127.0.0.1:${port + 2}`, 1), 1)
  assert.is(await cluster.end(), 1)
})

test('where all nodes are given up, it ends with 1 by itself', async () => {
  const port = await freePorts(3)
  const args = ['--data', join(dir, 'data'), '--port', `${port}`, '--nodes', '2']
  const cluster = new TallymeshCluster([...args, '--', '--drain-ms', 'soon'])
  assert.is(await cluster.exited, 1)
  assert.match(
    cluster.text,
    /ERROR node-1 is given up: its settings are refused \(exit code 2\), .*; it said: tallymesh start: --drain-ms must be/,
  )
  assert.not.match(cluster.text, /starts again|Try:|curl/)
})

test('it ends by itself after --seconds, and says how to use it', async () => {
  const port = await freePorts(2)
  const args = ['--data', join(dir, 'data'), '--port', `${port}`, '--nodes', '1', '--seconds', '1']
  const cluster = new TallymeshCluster(args)
  assert.is(await cluster.exited, 0)
  assert.match(cluster.text, new RegExp(`node-1 +http://127.0.0.1:${port + 1} +ready, process \\d+`))
  assert.match(cluster.text, new RegExp(`curl -X POST http://127.0.0.1:${port + 1}/v1/counters/orders`))
})

test('killed, it leaves nothing behind', async () => {
  const port = await freePorts(3)
  const cluster = await TallymeshCluster.up(['--data', join(dir, 'data'), '--port', `${port}`, '--nodes', '2'])
  const { pids } = cluster
  cluster.signal('SIGKILL')
  await cluster.exited
  assert.is(pids.length, 2)
  await until('its nodes to be gone', () => !pids.some(alive), DEADLINE_MS)
})

test('a second signal ends at once, with 1', async () => {
  const port = await freePorts(2)
  const args = ['--data', join(dir, 'data'), '--port', `${port}`, '--nodes', '1', '--', '--drain-ms', '600000']
  const cluster = await TallymeshCluster.up(args)
  cluster.signal('SIGINT')
  await until('the node to drain', async () => !(await ready(`http://127.0.0.1:${port + 1}`)), DEADLINE_MS)
  cluster.signal('SIGINT')
  assert.is(await cluster.exited, 1)
  assert.equal(cluster.pids.filter(alive), [])
})

/** Between an answer and the next request of a lane. Without it each node is asked all the time; those that are asked now and then
 *  meet moments that these never do. */
const PAUSE_MS = 20

/** A few callers at once, each with one add at a time. */
class Traffic {
  counted = 0
  readonly failures: string[] = []
  #over = false
  readonly #lanes: Promise<void>[]

  constructor(readonly url: string) {
    this.#lanes = Array.from({ length: 4 }, () => this.#lane())
  }

  async stop(): Promise<void> {
    this.#over = true
    await Promise.all(this.#lanes)
  }

  async #lane(): Promise<void> {
    while (!this.#over) {
      try {
        await add(this.url, 1)
        this.counted++
      } catch (error) {
        this.failures.push(String(error))
      }
      await after(PAUSE_MS)
    }
  }
}

async function add(url: string, amount: number): Promise<number> {
  const response = await fetch(`${url}/v1/counters/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ add: amount }),
  })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${response.status} ${text}`)
  return (JSON.parse(text) as { value: number }).value
}

async function post(url: string, type: string, body: string): Promise<{ readonly length?: number }> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body })
  const text = await response.text()
  assert.is(response.status, 200, text.slice(0, 300))
  return JSON.parse(text) as { length?: number }
}

/** The first line of the answer to an upgrade request. */
async function upgrade(port: number, path: string): Promise<string> {
  return await new Promise(resolve => {
    const headers = ['Host: x', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
    const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='
    const socket = connect(port, '127.0.0.1')
    socket.write([`GET ${path} HTTP/1.1`, ...headers, key, '', ''].join('\r\n'))
    socket.once('data', chunk => {
      resolve(chunk.toString('latin1').split('\r\n', 1)[0] ?? '')
      socket.destroy()
    })
    socket.on('error', () => resolve('')).on('close', () => resolve(''))
  })
}

async function value(url: string): Promise<number> {
  const response = await fetch(`${url}/v1/counters/orders`)
  return ((await response.json()) as { value: number }).value
}

async function ready(url: string): Promise<boolean> {
  return (await fetch(`${url}/readyz`)).status === 200
}

function installed(kind: BalancerKind): boolean {
  try {
    return findBalancer(kind) !== ''
  } catch {
    console.log(`SKIP: ${kind} is not installed`)
    return false
  }
}

test.run()
