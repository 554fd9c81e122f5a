// deadline: 300 s
import { newOperationId, TallymeshClient, TallymeshClientError } from '@tallymesh/client'
import type { TallymeshServer } from '@tallymesh/server'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../cluster/free-port.js'
import { until } from '../cluster/until.js'
import type { NodeProcess } from '../system/node-process.js'
import { inRoom } from '../system/server-room.js'
import { LosingProxy } from './losing-proxy.js'
import { type ServedRoom, served, takingOperations } from './served-room.js'

const test = suite('adds that are tried again, with real servers')
const retry = { backoffMinMs: 1, backoffMaxMs: 50 }

/** Runs a test with two servers that take operations, and a proxy before the first that can lose its answers. */
function behindProxy(
  body: (scene: { a: TallymeshServer; b: TallymeshServer; proxy: LosingProxy; room: ServedRoom }) => Promise<void>,
): () => Promise<void> {
  return served(async room => {
    const [a, b] = (await room.start(['a', 'b'])) as [TallymeshServer, TallymeshServer]
    const proxy = await LosingProxy.start(Number(new URL(a.url as string).port))
    try {
      await takingOperations([a, b])
      await body({ a, b, proxy, room })
    } finally {
      await proxy.close()
    }
  })
}

async function using<T>(
  options: ConstructorParameters<typeof TallymeshClient>[0],
  act: (client: TallymeshClient) => Promise<T>,
): Promise<T> {
  const client = new TallymeshClient({ retry, ...options })
  try {
    return await act(client)
  } finally {
    await client.close().catch(() => {})
  }
}

/** Waits until every server shows all that every other one has, and the same value; answers it. */
async function settled(servers: readonly TallymeshServer[], key: string): Promise<number> {
  // What only one of them has counted raises the position behind which the others are.
  const positions = await Promise.all(
    servers.map(({ url }) =>
      using({ urls: [url as string] }, async client => {
        await client.add(`mark of ${url}`, 1)
        return client.position
      }),
    ),
  )
  const position = positions.join(',')
  const values = await Promise.all(
    servers.map(({ url }) =>
      using({ urls: [url as string], position }, async client => Number((await client.get(key)).value)),
    ),
  )
  assert.is(new Set(values).size, 1, `${key} is ${values.join(', ')}`)
  return values[0] as number
}

async function failure(call: Promise<unknown>): Promise<TallymeshClientError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.instance(error, TallymeshClientError)
  return error as TallymeshClientError
}

test(
  'an add whose connections break after it was counted counts once, at the same server and at another',
  behindProxy(async ({ a, b, proxy }) => {
    await using({ urls: [proxy.url] }, async client => {
      proxy.lose = 3
      assert.equal(await client.add('same', 1), { key: 'same', value: 1 })
      assert.is(proxy.lose, 0)
    })
    assert.is(await settled([a, b], 'same'), 1)
    await using({ urls: [proxy.url, b.url as string] }, async client => {
      proxy.lose = 1
      await client.add('other', 1)
      assert.is(proxy.lose, 0)
      proxy.lose = 1
      await client.addAll([
        { key: 'other', add: 10 },
        { key: 'other', add: -3 },
      ])
    })
    assert.is(await settled([a, b], 'other'), 8)
  }),
)

test(
  'an add that is not settled in time is tried again later, by another client at another server, and counts once',
  behindProxy(async ({ a, b, proxy }) => {
    proxy.lose = Number.POSITIVE_INFINITY
    const error = await using({ urls: [proxy.url], timeoutMs: 1_000, deadlineMs: 1_000 }, client =>
      failure(client.add('late', 5)),
    )
    assert.equal([error.code, error.counted], ['INDETERMINATE', 'perhaps'])
    const { operation, additions = [] } = error
    await using({ urls: [b.url as string] }, async client => {
      await client.add('late', 5, { operation })
      await client.addAll(additions, { operation })
      const other = await failure(client.add('late', 6, { operation }))
      assert.equal([other.code, other.status], ['OPERATION_MISMATCH', 409])
    })
    assert.is(await settled([a, b], 'late'), 5)
  }),
)

test(
  'gathered adds count once while answers are lost',
  behindProxy(async ({ a, b, proxy }) => {
    await using({ urls: [proxy.url, b.url as string], maxDelayMs: 1, maxKeys: 3 }, async client => {
      for (let i = 0; i < 300; i++) {
        if (i % 20 === 0) proxy.lose = 1
        void client.add(`k${i % 5}`, i % 2 === 0 ? 1 : -1)
        if (i % 7 === 0) await client.flush()
      }
      await client.flush()
    })
    for (let i = 0; i < 5; i++) assert.is(await settled([a, b], `k${i}`), 0)
    const totals = await using({ urls: [a.url as string] }, client => client.get('k0'))
    assert.equal([totals.increments, totals.decrements], [30, 30])
  }),
)

test(
  'no batch is larger than an operation may be; an addAll that is counts with no id only',
  served(async room => {
    const [server] = await room.start(['a'])
    const statuses: number[] = []
    const recorded: typeof fetch = async (input, init) => {
      const response = await fetch(input, init)
      statuses.push(response.status)
      return response
    }
    const urls = [server?.url as string]
    await using({ urls, maxDelayMs: 60_000, fetch: recorded }, async client => {
      for (let i = 0; i < 500; i++)
        void client.add(`${'é'.repeat(120)}${i}`, i % 2 === 0 ? Number.MAX_SAFE_INTEGER : -1)
      for (let i = 0; i < 2_500; i++) void client.add(`k${i}`, 1)
      await client.flush()
    })
    assert.equal(new Set(statuses), new Set([200]))
    assert.ok(statuses.length > 6, `${statuses.length} batches`)
    const many = Array.from({ length: 1_001 }, (_, i) => ({ key: `m${i}`, add: 1 }))
    const error = await using({ urls }, client => failure(client.addAll(many)))
    assert.equal([error.code, error.counted, error.status], ['OPERATION_TOO_LARGE', false, 413])
    await using({ urls, operations: false }, client => client.addAll(many))
    assert.is((await using({ urls }, client => client.get('m1000'))).value, 1)
  }),
)

test(
  'a server that takes no operations is passed by; without ids it counts',
  behindProxy(async ({ a, room }) => {
    // Its seed never answers: so it cannot know who else takes operations.
    const peers = [`ws://127.0.0.1:${await freePort()}`]
    const [lonely] = await room.start(['lonely'], { peers })
    const urls = [lonely?.url as string]
    const pace = { timeoutMs: 500, deadlineMs: 2_000 }
    await using({ urls: [...urls, a.url as string], ...pace, deadlineMs: 15_000 }, client => client.add('k', 1))
    const error = await using({ urls, ...pace }, client => failure(client.add('k', 1)))
    assert.equal([error.code, error.counted], ['OPERATIONS_UNAVAILABLE', false])
    await using({ urls, operations: false }, client => client.add('k', 10))
    assert.is((await using({ urls: [a.url as string] }, client => client.get('k'))).value, 1)
    assert.is((await using({ urls }, client => client.get('k'))).value, 10)
  }),
)

test(
  'an id that is older than the window is refused, and nobody can tell what it did',
  served(async room => {
    const [server] = await room.start(['a'])
    await using({ urls: [server?.url as string] }, async client => {
      const operation = '01936b2e-7c1a-7d3e-9f57-2b8a6c4d1e0f'
      const error = await failure(client.add('k', 1, { operation }))
      assert.equal([error.code, error.counted, error.operation], ['OPERATION_EXPIRED', 'perhaps', operation])
      assert.is((await client.get('k')).value, 0)
      await client.add('k', 1, { operation: newOperationId() })
      assert.is((await client.get('k')).value, 1)
    })
  }),
)

test(
  'a node is killed between its commit and its answer: the add counts once, elsewhere or when the node is back',
  inRoom(async room => {
    const [a, b] = (await room.startAll('a', 'b')) as [NodeProcess, NodeProcess]
    const url = ({ port }: NodeProcess) => `http://127.0.0.1:${port}`
    const proxy = await LosingProxy.start(a.port)
    try {
      for (const node of [a, b]) await using({ urls: [url(node)] }, client => client.add('warm', 1))
      const patient = { timeoutMs: 2_000, deadlineMs: 60_000 }
      proxy.meanwhile = () => a.kill()
      proxy.lose = 1
      await using({ urls: [proxy.url, url(b)], ...patient }, client => client.add('elsewhere', 1))
      const again = room.start('a')
      await again.ready()
      proxy.meanwhile = () => again.kill()
      proxy.lose = 1
      const back = using({ urls: [proxy.url], ...patient }, client => client.add('back', 1))
      await until('the node to be killed', () => again.ending !== undefined)
      const third = room.start('a')
      await third.ready()
      await back
      for (const key of ['elsewhere', 'back']) {
        await until(`both to have ${key}`, async () => {
          const values = await Promise.all([b, third].map(node => node.value(key)))
          assert.ok(Math.max(...values) <= 1, `${key} is ${values.join(', ')}`)
          return Math.min(...values) === 1 || values.join(', ')
        })
      }
      // Whatever else they still have to tell each other changes nothing.
      await using({ urls: [url(b)] }, async client => {
        await client.add('last', 1, { replicas: 2 })
        assert.equal([(await client.get('elsewhere')).value, (await client.get('back')).value], [1, 1])
      })
      assert.equal([await third.value('elsewhere'), await third.value('back')], [1, 1])
    } finally {
      await proxy.close()
    }
  }),
)

test.run()
