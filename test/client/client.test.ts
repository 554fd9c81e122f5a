import { TallymeshClient, TallymeshClientError } from '@tallymesh/client'
import { type TallymeshServer, Tokens } from '@tallymesh/server'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { served, takingOperations } from './served-room.js'

const test = suite('the client with real servers')
const MAX = Number.MAX_SAFE_INTEGER

async function failure(call: Promise<unknown>): Promise<TallymeshClientError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.instance(error, TallymeshClientError)
  return error as TallymeshClientError
}

test(
  'every call, on keys of every kind',
  served(async room => {
    const [server] = await room.start(['a'])
    const client = new TallymeshClient({ urls: [server?.url as string] })
    const long = 'é'.repeat(128)
    const keys = [
      'orders',
      '.',
      '..',
      '/',
      '%2F',
      'a b+c?d#e',
      'ü',
      '\u{1F980}',
      '\\\\',
      'r{l="x/y"}',
      `k{a="${long}",b="${long}",c="${long}"}`,
    ]
    for (const key of keys) {
      assert.equal(await client.add(key, 5), { key, value: 5 })
      assert.equal(await client.add(key, -2), { key, value: 3 })
      assert.equal(await client.get(key), { key, value: 3, increments: 5, decrements: 2 })
      const [first] = [await client.watch(key).next()]
      assert.equal(first.value, { key, value: 3 })
    }
    assert.equal(await client.get('nobody counted this'), {
      key: 'nobody counted this',
      value: 0,
      increments: 0,
      decrements: 0,
    })
    assert.equal(await client.add('r{b="2",a="1"}', 1), { key: 'r{a="1",b="2"}', value: 1 })
    const values = await client.addAll([...keys, 'orders'].map(key => ({ key, add: 1 })))
    assert.equal(
      values.map(({ key }) => key),
      [...keys, 'orders'],
    )
    const listed: string[] = []
    for await (const { key } of client.counters({ limit: 3 })) listed.push(key)
    assert.equal([...listed].sort(), [...keys, 'r{a="1",b="2"}'].sort())
    assert.equal(
      (await client.list({ prefix: 'r{' })).counters.map(({ key }) => key),
      ['r{a="1",b="2"}', 'r{l="x/y"}'],
    )
    const { node, members } = await client.members()
    assert.is(node, 'a')
    assert.equal(
      members.map(({ name, state, self }) => ({ name, state, self })),
      [{ name: 'a', state: 'up', self: true }],
    )
    await client.close()
  }),
)

test(
  'what does not fit a number is exact all the same; what does not fit a counter is refused',
  served(async room => {
    const servers = await room.start(['a', 'b'])
    const [a, b] = servers.map(({ url }) => new TallymeshClient({ urls: [url] }))
    await a?.add('big', MAX)
    const error = await failure(a?.add('big', 1) as Promise<unknown>)
    assert.equal([error.code, error.counted, error.status], ['COUNTER_OVERFLOW', false, 409])
    await b?.add('big', MAX)
    const reader = new TallymeshClient({
      urls: servers.map(({ url }) => url),
      position: `${a?.position},${b?.position}`,
    })
    assert.equal(await reader.get('big'), {
      key: 'big',
      value: 2n * BigInt(MAX),
      increments: 2n * BigInt(MAX),
      decrements: 0,
    })
    assert.is((await reader.watch('big').next()).value?.value, 2n * BigInt(MAX))
    await Promise.all([a, b, reader].map(client => client?.close()))
  }),
)

test(
  'one full counter does not keep the others of a batch from being counted',
  served(async room => {
    const [server] = await room.start(['a'])
    const client = new TallymeshClient({ urls: [server?.url as string], maxDelayMs: 20 })
    await client.add('full', MAX)
    const adds = ['x', 'full', 'y'].map(key =>
      client.add(key, 1).then(
        ({ value }) => value,
        (error: TallymeshClientError) => error.code,
      ),
    )
    assert.equal(await Promise.all(adds), [1, 'COUNTER_OVERFLOW', 1])
    await failure(client.close())
  }),
)

test(
  'gathered adds: increments and decrements both count',
  served(async room => {
    const [server] = await room.start(['a'])
    const client = new TallymeshClient({ urls: [server?.url as string], maxDelayMs: 10 })
    for (let i = 0; i < 10_000; i++) void client.add(`k${i % 10}`, i % 2 === 0 ? 5 : -5)
    void client.add('k0', -5)
    await client.flush()
    assert.equal(await client.get('k0'), { key: 'k0', value: 4_995, increments: 5_000, decrements: 5 })
    assert.equal(await client.get('k1'), { key: 'k1', value: -5_000, increments: 0, decrements: 5_000 })
    await client.close()
  }),
)

test(
  'a client reads its own adds on every server',
  served(async room => {
    const servers = await room.start(['a', 'b', 'c'])
    const clients = servers.map(({ url }) => new TallymeshClient({ urls: [url] }))
    for (let i = 1; i <= 100; i++) {
      const writer = clients[i % 3] as TallymeshClient
      await writer.add('own', 1)
      const reader = new TallymeshClient({
        urls: [servers[(i + 1) % 3]?.url as string],
        position: clients
          .map(({ position }) => position)
          .filter(text => text !== '')
          .join(','),
      })
      assert.is((await reader.get('own')).value, i)
    }
    await Promise.all(clients.map(client => client.close()))
  }),
)

test(
  'write concern: confirmed, not confirmed in time, and impossible',
  served(async room => {
    const [a, b] = await room.start(['a', 'b'])
    const client = new TallymeshClient({ urls: [a?.url as string], timeoutMs: 4_000, deadlineMs: 4_000 })
    await until('a to know b', async () => (await client.members()).members.length === 2)
    assert.is((await client.add('k', 1, { replicas: 2 })).value, 1)
    await b?.close()
    const error = await failure(client.add('k', 1, { replicas: 'majority' }))
    assert.equal([error.code, error.counted, error.status], ['NOT_REPLICATED', true, 504])
    assert.is((await client.get('k')).value, 2)
    const many = await failure(client.addAll([{ key: 'k', add: 1 }], { replicas: 2 }))
    assert.is(many.code, 'NOT_REPLICATED')
    await client.close()
  }),
)

test(
  'tokens: scopes refuse for good, and the token is not in what is shown',
  served(async room => {
    const secrets = { reader: 'only-for-reading-0123456789', writer: 'only-for-writing-0123456789' }
    const text = `${secrets.reader} read\n${secrets.writer} write\n`
    const [server] = await room.start(['a'], { tokens: Tokens.parse(text) })
    const client = (token?: string) => new TallymeshClient({ urls: [server?.url as string], token })
    assert.is((await client(secrets.writer).add('k', 1)).value, 1)
    assert.is((await client(secrets.reader).get('k')).value, 1)
    const errors = [
      await failure(client(secrets.reader).add('k', 1)),
      await failure(client(secrets.writer).get('k')),
      await failure(client(secrets.writer).watch('k').next()),
      await failure(client('wrong-0123456789-wrong').add('k', 1)),
      await failure(client().add('k', 1)),
    ]
    assert.equal(
      errors.map(({ code }) => code),
      ['FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN', 'UNAUTHORIZED', 'UNAUTHORIZED'],
    )
    assert.ok(errors.every(({ counted }) => counted === false))
    for (const error of errors) assert.not.match(`${error.stack} ${JSON.stringify(error)}`, /0123456789/)
  }),
)

test(
  'a watch goes on with another server while its own drains, and never shows less than was added',
  served(async room => {
    const [a, b] = await room.start(['a', 'b'])
    await takingOperations([a, b] as TallymeshServer[])
    const client = new TallymeshClient({ urls: [a?.url as string, b?.url as string] })
    await client.add('k', 1)
    const values = client.watch('k', { intervalMs: 10 })
    assert.is((await values.next()).value?.value, 1)
    await a?.drain()
    await a?.close()
    await client.add('k', 1)
    assert.is((await values.next()).value?.value, 2)
    await client.close()
    assert.ok((await values.next()).done)
  }),
)

test(
  'a server that is drained and closed under way costs no add',
  served(async room => {
    const servers = await room.start(['a', 'b'], { drainMs: 100 })
    await takingOperations(servers)
    const client = new TallymeshClient({ urls: servers.map(({ url }) => url) })
    const adding = { on: true, acknowledged: 0 }
    const lanes = Array.from({ length: 4 }, async () => {
      while (adding.on) {
        await client.add('k', 1)
        adding.acknowledged++
      }
    })
    await until('some adds', () => adding.acknowledged > 100)
    await servers[0]?.drain()
    await servers[0]?.close()
    const before = adding.acknowledged
    await until('more adds', () => adding.acknowledged > before + 100)
    adding.on = false
    await Promise.all(lanes)
    assert.is((await client.get('k')).value, adding.acknowledged)
    await client.close()
  }),
)

test.run()
