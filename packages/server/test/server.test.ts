import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startServer } from '../src/server.js'
import { type Answer, ask, inServerLab, meshed, post, refusal, until } from './lab.js'
import { RawClient, rawPost } from './raw-client.js'

const test = suite('the server')

test('answers health before the node is open, and everything else with 503', () =>
  inServerLab(async lab => {
    let early: Promise<Answer[]> | undefined
    const paths = ['/livez', '/readyz', '/v1/counters/x', '/v1/members', '/metrics', '/openapi.json', '/v1/export']
    let upgrade: RawClient | undefined
    const server = await lab.start('a', {
      onListening: url => {
        const upgraded = RawClient.open(url).then(client => {
          upgrade = client
          client.write(
            'GET /mesh HTTP/1.1\r\nhost: lab\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
          )
        })
        const answers = [...paths.map(path => ask({ url }, path)), post({ url }, '/v1/counters/x', { add: 1 })]
        early = upgraded.then(() => Promise.all(answers))
      },
    })
    const answers = (await early) ?? []
    // Opening takes about as long as asking: each was answered by a node that was open, or told that it was not.
    for (const [at, answer] of answers.entries()) {
      assert.ok([200, 503].includes(answer.status), `${paths[at]}: ${answer.status}`)
      if (answer.status === 503) assert.is(answer.headers.get('retry-after'), '1')
    }
    assert.is(answers[0]?.status, 200)
    await until('the upgrade is answered', () => (upgrade?.statuses.length ?? 0) > 0)
    assert.ok([101, 503].includes(upgrade?.statuses[0] as number))
    upgrade?.close()
    assert.equal((await ask(server, '/readyz')).json, { ready: true, node: 'a', status: 'ready', process: process.pid })
    assert.is(server.notReady, undefined)
  })())

test('is not ready while its node opens, and says so', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    assert.is(server.notReady, undefined)
    const opening = startServer(
      lab.options('b', {
        onListening: url => {
          void ask({ url }, '/readyz').then(answer => seen.push(answer))
        },
      }),
    )
    const seen: Answer[] = []
    lab.servers.push(await opening)
    await until('it is answered', () => seen.length === 1)
    if (seen[0]?.status === 503) assert.is(seen[0].json.reason, 'opening')
  })())

test('closes its port where the node cannot be opened', () =>
  inServerLab(async lab => {
    const first = await lab.start('a')
    let url = ''
    const options = lab.options('a', {
      onListening: listening => {
        url = listening
      },
    })
    assert.is((await refusal(startServer(options))).code, 'STORE_LOCKED')
    assert.ok(url.startsWith('http://127.0.0.1:'))
    assert.ok(
      await ask({ url }, '/livez').then(
        () => false,
        () => true,
      ),
    )
    assert.is((await ask(first, '/livez')).status, 200)
    mkdirSync(join(lab.path, 'b'))
    writeFileSync(join(lab.path, 'b', 'notes.txt'), 'no data directory')
    assert.is((await refusal(startServer(lab.options('b')))).code, 'STORE_UNUSABLE')
  })())

test('refuses options that it cannot use, in words', () =>
  inServerLab(async lab => {
    for (const [option, value] of [
      ['drainMs', -1],
      ['bodyBytesMax', 1],
      ['watchersMax', 1.5],
      ['rateLimit', 0],
      ['listen', { host: '127.0.0.1', port: 70_000 }],
      ['listen', undefined],
      ['listen', { host: '', port: 0 }],
      ['heartbeatMs', 1],
      ['metricsPrefix', 7],
    ] as const) {
      const error = await refusal(startServer({ ...lab.options('a'), [option]: value }))
      assert.is(error.code, 'INVALID_OPTION', option)
      assert.match(error.message, option === 'listen' ? /listen/ : new RegExp(option))
    }
    const taken = await lab.start('a')
    const { port } = new URL(taken.url)
    const error = await refusal(startServer(lab.options('b', { listen: { host: '127.0.0.1', port: Number(port) } })))
    assert.is(error.code, 'LISTEN_FAILED')
    assert.match(error.message, /another program listens there/)
  })())

test('drains: not ready, serving on, closing connections, then closes with nothing lost', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { drainMs: 60_000 })
    const before = await RawClient.open(server.url)
    before.write(rawPost('/v1/counters/orders', '{"add":1}'))
    await until('it is answered', () => before.statuses.length === 1)
    assert.not.match(before.received, /connection: close/i)
    let drained = false
    const draining = server.drain().then(() => {
      drained = true
    })
    const ready = await ask(server, '/readyz')
    assert.is(ready.status, 503)
    assert.is(ready.json.reason, 'draining')
    assert.is(ready.headers.get('retry-after'), '1')
    assert.is(ready.headers.get('connection'), 'close')
    before.write(rawPost('/v1/counters/orders', '{"add":1}'))
    await until('its connection is closed with the answer', () => before.ended)
    assert.equal(before.statuses, [200, 200])
    assert.is((await ask(server, '/nope')).headers.get('connection'), 'close')
    assert.not(drained)
    await server.close()
    await draining
    assert.ok(drained)
    assert.is(server.node.status, 'closed')
    const again = await lab.start('a')
    assert.is((await ask(again, '/v1/counters/orders')).json.value, 2)
  })())

test('at the end of a drain, adds are refused: who sends them asks another node', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { drainMs: 400 })
    const draining = server.drain()
    assert.is((await post(server, '/v1/counters/orders', { add: 1 })).status, 200)
    await until('they are', async () => {
      const { status, json } = await post(server, '/v1/counters/orders', { add: 1 })
      if (status === 503) assert.equal([json.code, json.counted], ['NODE_CLOSED', false])
      return status === 503
    })
    assert.is((await ask(server, '/v1/counters/orders')).status, 200)
    await draining
  })())

test('a node that was closed by others is read on, and not counted', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    await post(server, '/v1/counters/orders', { add: 4 })
    await server.node.close()
    const refused = await post(server, '/v1/counters/orders', { add: 1 })
    assert.equal([refused.status, refused.json.code, refused.json.counted], [503, 'NODE_CLOSED', false])
    assert.is((await ask(server, '/v1/counters/orders')).json.value, 4)
    assert.is((await ask(server, '/readyz')).json.reason, 'draining')
  })())

test('closing lets requests in flight end, and cuts those that do not', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { shutdownTimeoutMs: 300 })
    const stuck = await RawClient.open(server.url)
    stuck.write(rawPost('/v1/counters/orders', '{"add":1}').slice(0, -1))
    const waits = post(server, '/v1/counters/orders', { add: 1, replicas: 2, timeoutMs: 100 })
    await until('the count is made', () => server.node.counterByKey('orders').value === 1)
    await server.close()
    assert.is((await waits).json.code, 'NOT_REPLICATED')
    await until('the stuck one is cut', () => stuck.ended)
    assert.equal(stuck.statuses, [])
  })())

test('a node that was removed from the room is not ready, counts no more, and is read on', () =>
  inServerLab(async lab => {
    const a = await lab.start('a')
    const peers = [a.node.url as string]
    const b = await lab.start('b', { peers })
    await meshed(a, b)
    await post(b, '/v1/counters/orders', { add: 5, replicas: 2 })
    await b.close()
    await until('a misses b', async () => a.node.members().every(({ self, state }) => self || state !== 'up'))
    assert.is((await ask(a, '/v1/members/b', { method: 'DELETE' })).status, 204)
    const again = await lab.start('b', { peers })
    await until('b is told', async () => again.node.status === 'failed')
    const ready = await ask(again, '/readyz')
    assert.equal([ready.status, ready.json.reason], [503, 'failed'])
    assert.match(String(ready.json.detail), /MEMBER_REMOVED/)
    const refused = await post(again, '/v1/counters/orders', { add: 1 })
    assert.equal([refused.status, refused.json.code, refused.json.counted], [503, 'NOT_READY', false])
    assert.is((await ask(again, '/v1/counters/orders')).json.value, 5)
    assert.is((await ask(a, '/v1/counters/orders')).json.value, 5)
  })())

test('links nodes over the port that serves HTTP', () =>
  inServerLab(async lab => {
    const a = await lab.start('a')
    const b = await lab.start('b', { peers: [a.url.replace('http', 'ws')] })
    const c = await lab.start('c', { peers: [b.url.replace('http', 'ws')] })
    await meshed(a, b, c)
    const counted = await post(c, '/v1/counters/orders', { add: 7, replicas: 3 })
    assert.is(counted.status, 200)
    for (const server of [a, b]) {
      const headers = { 'tallymesh-after': counted.headers.get('tallymesh-after') as string }
      assert.is((await ask(server, '/v1/counters/orders', { headers })).json.value, 7)
    }
    await until('all are ready', () => [a, b, c].every(server => server.notReady === undefined))
  })())

test('limits requests by token, and by address where there is none', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { rateLimit: 5 })
    const answers = await Promise.all(Array.from({ length: 30 }, () => post(server, '/v1/counters/x', { add: 1 })))
    const counted = answers.filter(({ status }) => status === 200).length
    const limited = answers.filter(({ status }) => status === 429)
    assert.is(counted + limited.length, 30)
    assert.ok(limited.length > 0)
    for (const { json, headers } of limited) {
      assert.equal([json.code, json.counted], ['RATE_LIMITED', false])
      assert.is(headers.get('retry-after'), '1')
    }
    const health = await Promise.all(Array.from({ length: 30 }, () => ask(server, '/readyz')))
    assert.ok(health.every(({ status }) => status === 200))
    assert.is(server.node.counterByKey('x').value, counted)
  })())

test.run()
