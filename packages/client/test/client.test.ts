import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ListOptions, TallymeshClient } from '../src/index.js'
import { failsWith, throwsCode } from './failing.js'
import { json, problem, ScriptedServer } from './scripted-server.js'

const test = suite('client')
test.after.each(() => ScriptedServer.closeAll())

async function opened(
  options: object = {},
): Promise<{ server: ScriptedServer; client: TallymeshClient; close: () => Promise<unknown> }> {
  const server = await ScriptedServer.start()
  const client = new TallymeshClient({ urls: [server.url], ...options })
  return { server, client, close: () => Promise.all([client.close(), server.close()]) }
}

test('adds, one request each', async () => {
  const { server, client, close } = await opened({ timeoutMs: 1_000, operations: false })
  assert.equal(await client.add('a', 5), { key: 'a', value: 7 })
  await client.add('b{y="1",x="2"}', -3, { replicas: 2 })
  await client.add('a', 1, { replicas: 'majority' })
  assert.equal(
    server.seen.map(({ method, path, body }) => `${method} ${path} ${body}`),
    [
      'POST /v1/counters/a {"add":5}',
      `POST /v1/counters/${encodeURIComponent('b{x="2",y="1"}')} {"add":-3,"replicas":2,"timeoutMs":800}`,
      'POST /v1/counters/a {"add":1,"replicas":"majority","timeoutMs":800}',
    ],
  )
  await close()
})

test('adds many in one request', async () => {
  const { server, client, close } = await opened({ replicas: 2, timeoutMs: 1_000, operations: false })
  const values = await client.addAll([
    { key: 'a', add: 5 },
    { key: 'b', add: -5 },
  ])
  assert.equal(values, [
    { key: 'a', value: 7 },
    { key: 'b', value: 7 },
  ])
  await client.addAll([{ key: 'a', add: 5 }], { replicas: 'majority' })
  assert.equal(
    server.seen.map(({ method, path, body }) => `${method} ${path} ${body}`),
    [
      'POST /v1/counters?replicas=2&timeoutMs=800 [{"key":"a","add":5},{"key":"b","add":-5}]',
      'POST /v1/counters?replicas=majority&timeoutMs=800 [{"key":"a","add":5}]',
    ],
  )
  await close()
})

test('what cannot be counted is refused before anything is sent', async () => {
  const { server, client, close } = await opened()
  for (const amount of [0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '5', null, undefined, 5n]) {
    const error = await failsWith(client.add('a', amount as number), 'INVALID_AMOUNT')
    assert.is(error.counted, false)
    await failsWith(
      client.addAll([
        { key: 'b', add: 1 },
        { key: 'a', add: amount as number },
      ]),
      'INVALID_AMOUNT',
    )
  }
  for (const key of ['', 'a{', 7, null]) {
    await failsWith(client.add(key as string, 1), 'INVALID_NAME')
    await failsWith(client.get(key as string), 'INVALID_NAME')
    throwsCode(() => client.watch(key as string), 'INVALID_NAME')
  }
  for (const entries of [[], 'x', Array.from({ length: 2_001 }, () => ({ key: 'a', add: 1 }))]) {
    await failsWith(client.addAll(entries as []), 'INVALID_OPTION')
  }
  await failsWith(client.addAll([null] as unknown as []), 'INVALID_OPTION')
  await failsWith(client.add('a', 1, { replicas: 0 }), 'INVALID_OPTION')
  await failsWith(client.list({ limit: 0 }), 'INVALID_OPTION')
  throwsCode(() => client.watch('a', { intervalMs: 1 }), 'INVALID_OPTION')
  assert.is(server.connections, 0)
  await close()
})

test('keys of one or two dots, and keys too long for a path', async () => {
  const { server, client, close } = await opened({ operations: false })
  await client.add('.', 1)
  await client.get('..')
  const long = 'é'.repeat(128)
  const key = `k{a="${long}",b="${long}",c="${long}"}`
  assert.equal(await client.add(key, 3), { key, value: 7 })
  assert.equal(
    server.seen.map(({ path }) => path),
    ['/v1/counters/%5C.', '/v1/counters/%5C..', '/v1/counters'],
  )
  assert.equal(JSON.parse(server.bodies[2] ?? ''), [{ key, add: 3 }])
  await close()
})

test('reads a counter, a page and the members', async () => {
  const { server, client, close } = await opened()
  assert.equal(await client.get('a'), { key: 'a', value: 7, increments: 9, decrements: 2 })
  const counters = [{ key: 'a', value: 1, increments: 1, decrements: 0 }]
  server.steps.push(json({ counters, next: 'a' }))
  assert.equal(await client.list({ prefix: 'a&b', after: 'a%', limit: 5 }), { counters, next: 'a' })
  assert.is(server.seen[1]?.path, '/v1/counters?prefix=a%26b&after=a%25&limit=5')
  const members = [{ name: 'a', store: 's', replica: null, url: null, state: 'up', lag: 0, phi: 0, self: true }]
  server.steps.push(json({ room: 'r', node: 'a', members }))
  assert.equal(await client.members(), { room: 'r', node: 'a', members })
  await close()
})

test('goes through all counters page by page', async () => {
  const { server, client, close } = await opened()
  const totals = (key: string) => ({ key, value: 1, increments: 1, decrements: 0 })
  server.steps.push(
    json({ counters: [totals('a'), totals('b')], next: 'b' }),
    json({ counters: [totals('c')], next: null }),
  )
  const keys: string[] = []
  for await (const { key } of client.counters({ prefix: 'x', limit: 2 } as ListOptions)) keys.push(key)
  assert.equal(keys, ['a', 'b', 'c'])
  assert.equal(
    server.seen.map(({ path }) => path),
    ['/v1/counters?prefix=x&limit=2', '/v1/counters?prefix=x&after=b&limit=2'],
  )
  await close()
})

test('reads ask for what this client added, and can do without', async () => {
  const { server, client, close } = await opened({ position: '1a:5' })
  server.steps.push(json({ key: 'a', value: 1 }, { 'tallymesh-after': '9f:2' }))
  server.steps.push(json({ key: 'a', value: 1 }, { 'tallymesh-after': '1a:4,9f:3' }))
  server.steps.push(problem(504, 'NOT_REPLICATED', true, { 'tallymesh-after': '9f:8' }))
  await client.add('a', 1)
  await client.add('a', 1)
  await failsWith(client.add('a', 1), 'NOT_REPLICATED')
  assert.is(client.position, '1a:5,9f:8')
  await client.get('a')
  await client.get('a', { stale: true })
  const after = server.seen.map(({ headers }) => headers.get('tallymesh-after'))
  assert.equal(after, [undefined, undefined, undefined, '1a:5,9f:8', undefined])
  await close()
})

test('gathers adds and sends them in one request', async () => {
  const { server, client, close } = await opened({ maxDelayMs: 10, maxKeys: 3 })
  const values = await Promise.all([client.add('a', 5), client.add('b', 1), client.add('a', -2)])
  assert.equal(
    values.map(({ key }) => key),
    ['a', 'b', 'a'],
  )
  assert.is(client.add('a', 1), client.add('a', 2), 'a promise for each key of a batch, not for each add')
  void client.add('b', 1)
  void client.add('c', 1)
  await client.flush()
  assert.equal(server.bodies, [
    '[{"key":"a","add":5},{"key":"a","add":-2},{"key":"b","add":1}]',
    '[{"key":"a","add":3},{"key":"b","add":1},{"key":"c","add":1}]',
  ])
  await close()
})

test('what fails unseen is thrown by close, which closes all the same', async () => {
  const { server, client } = await opened({ maxDelayMs: 60_000, operations: false })
  server.steps.push('close after the body')
  void client.add('a', 1)
  const closed = client.close()
  await failsWith(closed, 'INDETERMINATE')
  assert.is(client.close(), closed)
  await failsWith(client.add('a', 1), 'CLOSED')
  await server.close()
})

test('close waits for adds, ends reads, and refuses what comes after', async () => {
  const { server, client } = await opened()
  let release: () => void = () => {}
  const arrived = new Promise<void>(resolve => {
    server.steps.push('hang', () => {
      resolve()
      return 'hang'
    })
    release = resolve
  })
  const [add, read] = [client.add('a', 1, { signal: AbortSignal.timeout(300) }), client.get('a')]
  await arrived
  release()
  const closed = client.close()
  await failsWith(read, 'CLOSED')
  await failsWith(add, 'INDETERMINATE')
  await closed
  for (const call of [
    client.add('a', 1),
    client.addAll([{ key: 'a', add: 1 }]),
    client.get('a'),
    client.list(),
    client.members(),
  ]) {
    await failsWith(call, 'CLOSED')
  }
  throwsCode(() => client.watch('a'), 'CLOSED')
  await client.flush()
  await server.close()
})

test('calls refuse what they do not know, in words', async () => {
  const { server, client, close } = await opened()
  const told = async (promise: Promise<unknown>) => (await failsWith(promise, 'INVALID_OPTION')).message
  const none = null as unknown as object
  assert.is(await told(client.add('x', 1, none)), 'options must be an object, got null; nothing was sent')
  assert.match(
    await told(client.add('x', 1, { replica: 2 } as object)),
    /no "replica"; known are signal, replicas, operation;/,
  )
  assert.match(await told(client.add('x', 1, { signal: 5 } as object)), /signal must be an AbortSignal, got 5/)
  assert.match(await told(client.addAll([{ key: 'x', add: 1 }], none)), /got null/)
  for (const call of [client.get('x', none), client.list(none), client.members(none)])
    assert.match(await told(call), /null/)
  assert.match(throwsCode(() => client.watch('x', none), 'INVALID_OPTION').message, /got null/)
  for (const entry of [null, undefined, 5, 'x']) {
    const additions = [{ key: 'x', add: 1 }, entry] as Array<{ key: string; add: number }>
    assert.match(
      await told(client.addAll(additions)),
      /^additions\[1\] must be an object such as .* nothing was counted$/,
    )
  }
  assert.match(await told(client.addAll(Array(3))), /^additions\[0\] .* got undefined/)
  const bad = { key: 'x', add: undefined as unknown as number }
  assert.match((await failsWith(client.addAll([bad]), 'INVALID_AMOUNT')).message, /^additions\[0\]: .* got undefined;/)
  assert.match((await failsWith(client.addAll([{ key: '', add: 1 }]), 'INVALID_NAME')).message, /^additions\[0\]: /)
  assert.is(server.seen.length, 0)
  await close()
})

test.run()
