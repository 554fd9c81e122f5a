import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Tokens } from '../../src/security/tokens.js'
import { ask, inServerLab, meshed, post, until } from '../lab.js'
import { RawClient } from '../raw-client.js'

const test = suite('watching')

async function watch(url: string, key: string, query = '', headers = ''): Promise<RawClient> {
  const client = await RawClient.open(url)
  return client.write(`GET /v1/counters/${key}/watch${query} HTTP/1.1\r\nhost: lab\r\n${headers}\r\n`)
}

/** The values that were sent, in order. */
function valuesOf(client: RawClient): unknown[] {
  return [...client.received.matchAll(/^data: (\{"key".*\})$/gm)].map(match => JSON.parse(match[1] as string).value)
}

test('tells the value at once, and then what it becomes, wherever it is counted', () =>
  inServerLab(async lab => {
    const a = await lab.start('a')
    const b = await lab.start('b', { peers: [a.url.replace('http', 'ws')] })
    await meshed(a, b)
    const client = await watch(a.url, 'orders', '?intervalMs=10')
    await until('the value comes', () => valuesOf(client).length === 1)
    assert.match(client.received, /content-type: text\/event-stream/i)
    assert.match(client.received, /tallymesh-node: a/i)
    assert.match(client.received, /data: \{"key":"orders","value":0\}\n\n/)
    await post(a, '/v1/counters/orders', { add: 2 })
    await until('the own count comes', () => valuesOf(client).at(-1) === 2)
    await post(b, '/v1/counters/orders', { add: 3 })
    await until('the other count comes', () => valuesOf(client).at(-1) === 5)
    assert.is(a.node.stats.keys, 1)
    client.close()
    await until('it is forgotten', async () => (await ask(a, '/metrics')).text.includes('tallymesh_watchers 0'))
  })())

test('gathers what changes faster than the interval', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const slow = await watch(server.url, 'orders', '?intervalMs=60000')
    const fast = await watch(server.url, 'orders', '?intervalMs=10')
    await until('both have the value', () => valuesOf(slow).length + valuesOf(fast).length === 2)
    for (let at = 0; at < 50; at++) server.node.counter('orders').increment()
    await until('the fast one has the total', () => valuesOf(fast).at(-1) === 50)
    assert.equal(valuesOf(slow), [0])
    assert.ok(valuesOf(fast).length < 50)
    for (const query of ['?intervalMs=9', '?intervalMs=60001', '?intervalMs=fast', '?every=1']) {
      assert.is((await ask(server, `/v1/counters/orders/watch${query}`)).status, 400)
    }
  })())

test('ends where the token is taken away', () =>
  inServerLab(async lab => {
    const file = join(lab.path, 'tokens')
    writeFileSync(file, 'kept-token read\ngone-token read\n', { mode: 0o600 })
    const server = await lab.start('a', { tokens: await Tokens.open({ file }) })
    const kept = await watch(server.url, 'orders', '', 'authorization: Bearer kept-token\r\n')
    const gone = await watch(server.url, 'orders', '', 'authorization: Bearer gone-token\r\n')
    await until('both have the value', () => valuesOf(kept).length + valuesOf(gone).length === 2)
    writeFileSync(file, 'kept-token read\n')
    await server.reload()
    await until('one ends', () => gone.received.includes('event: end'))
    assert.not.match(kept.received, /event: end/)
    kept.close()
  })())

test('ends with an event when the node drains, and begins no more', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { drainMs: 60_000 })
    const client = await watch(server.url, 'orders', '?intervalMs=60000')
    await until('the value comes', () => valuesOf(client).length === 1)
    void server.drain()
    await until('it ends', () => client.ended || client.received.endsWith('0\r\n\r\n'))
    assert.match(client.received, /event: end\ndata: \{\}\n\n/)
    assert.is((await ask(server, '/v1/counters/orders/watch')).status, 503)
  })())

test('ends when the server closes', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const client = await watch(server.url, 'orders')
    await until('the value comes', () => valuesOf(client).length === 1)
    await server.close()
    await until('it ends', () => client.ended)
    assert.match(client.received, /event: end/)
  })())

test('takes a bounded number of watchers', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { watchersMax: 2, tokens: Tokens.parse('t read,write') })
    const token = 'authorization: Bearer t\r\n'
    const clients = [await watch(server.url, 'a', '', token), await watch(server.url, 'b', '', token)]
    await until('both watch', () => clients.every(client => valuesOf(client).length === 1))
    const third = await ask(server, '/v1/counters/c/watch', { headers: { authorization: 'Bearer t' } })
    assert.is(third.status, 503)
    assert.is(third.json.code, 'NOT_READY')
    assert.is(third.headers.get('retry-after'), '1')
    clients[0]?.close()
    await until('there is room again', async () => {
      const client = await watch(server.url, 'c', '', token)
      await until('it is answered', () => client.statuses.length === 1)
      const admitted = client.statuses[0] === 200
      client.close()
      return admitted
    })
  })())

test('logs one line when it cuts off who does not read', () =>
  inServerLab(async lab => {
    const lines: string[] = []
    const logger = pino({}, { write: (line: string) => lines.push(line) })
    const server = await lab.start('a', { logger, watchStallMs: 100 })
    // Every event repeats the key: a long one fills the buffers of the connection soon.
    const labels = Array.from({ length: 10 }, (_, at) => `l${at}="${'\\"'.repeat(256)}"`)
    const key = `orders{${labels.join(',')}}`
    const client = await watch(server.url, encodeURIComponent(key), '?intervalMs=10')
    await until('it watches', () => valuesOf(client).length === 1)
    client.socket.pause()
    const cut = () => lines.filter(line => line.includes('left its events unread'))
    const counter = server.node.counterByKey(key)
    await until(
      'it is cut off',
      async () => {
        await counter.increment()
        return cut().length > 0
      },
      60_000,
    )
    const { key: named, stallMs, client: address } = JSON.parse(cut()[0] as string)
    assert.equal([named, stallMs, address], [counter.key.slice(0, 256), 100, '127.0.0.1'])
    assert.is(cut().length, 1)
    client.close()
  })())

test.run()
