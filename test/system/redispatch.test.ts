// deadline: 300 s
import { Agent } from 'node:http'
import { newOperationId } from '@tallymesh/client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../cluster/free-port.js'
import { until } from '../cluster/until.js'
import { type Answer, askOnce } from './answer.js'
import { BALANCERS, installed } from './balancer-process.js'
import { type Behaviour, FakeBackend } from './fake-backend.js'
import type { NodeProcess } from './node-process.js'
import { forEach, shared } from './server-room.js'

const redispatch = suite('a request that fails at one node')

const ADDS = 20
let serial = 0

interface Scene {
  readonly port: number
  readonly node: NodeProcess
  readonly fake: FakeBackend
}

const prepared = shared(redispatch, async room => {
  const [node] = await room.startAll('a')
  return { room, node: node as NodeProcess }
})

/** Runs a test with the real node and a fake one behind each balancer, all at the same time. */
function behindEach(what: string, test: (scene: Scene) => Promise<void>): void {
  redispatch(what, async () => {
    const { room, node } = prepared()
    const kinds = BALANCERS.filter(installed).map(kind => ({ kind }))
    await forEach(kinds, async ({ kind }) => {
      const fake = await FakeBackend.open(await freePort())
      try {
        const { port } = await room.balance(kind, [node, fake])
        await test({ port, node, fake })
      } finally {
        await fake.close()
      }
    })
  })
}

/** Adds 1 on a key of its own. */
async function add({ port }: Scene, agent?: Agent): Promise<{ key: string; status: number | undefined }> {
  const key = `k${serial++}`
  const question = { body: { add: 1 }, ...(agent ? { agent } : {}) }
  const answer = await askOnce(port, `/v1/counters/${key}`, question)
  return { key, status: answer?.status }
}

const AFTER_BYTES: readonly Behaviour[] = [
  'reset',
  'reset at once',
  'close',
  'half an answer',
  '502',
  'reset the second',
]

behindEach('is never sent to a second one once bytes of it were sent', async all => {
  const { fake, node } = all
  for (const behaviour of AFTER_BYTES) {
    fake.behaviour = behaviour
    const agent = new Agent({ keepAlive: true, maxSockets: 2 })
    const before = fake.received.length
    const lane = async () => {
      for (let i = 0; i < ADDS; i++) await judge(all, await add(all, agent), behaviour)
    }
    // NGINX leaves a server out for a second after a failure.
    await until(`${behaviour} to be met by some requests`, async () => {
      await Promise.all([lane(), lane()])
      const met = fake.received.length - before
      return met >= (behaviour === 'reset the second' ? 2 : 1) || `${met}`
    })
    agent.destroy()
  }
  const doubled = fake.received.filter((key, i) => fake.received.indexOf(key) !== i)
  assert.equal(doubled, [], 'nothing came twice')
  assert.is((await node.value('k0')) <= 1, true)
})

/** Where an add got to, and what its caller was told. */
async function judge({ fake, node }: Scene, { key, status }: { key: string; status: number | undefined }, how: string) {
  const here = await node.value(key)
  const there = fake.received.filter(each => each === key).length
  assert.ok(here + there <= 1, `${how}: ${key} was counted ${here} times and reached the other ${there} times`)
  if (status === 200) assert.is(here + there, 1, `${how}: ${key} was acknowledged`)
  if (here === 1) assert.is(status, 200, `${how}: ${key} is counted`)
  if (there === 1 && how !== 'reset the second')
    assert.ok(status === undefined || status >= 500, `${how}: ${key}: ${status}`)
}

behindEach('is not sent to a second one while the first is silent', async all => {
  const { fake, node, port } = all
  fake.behaviour = 'silence'
  const keys = Array.from({ length: 4 }, () => `k${serial++}`)
  const asked = keys.map(key => askOnce(port, `/v1/counters/${key}`, { body: { add: 1 }, timeoutMs: 12_000 }))
  await until('some of them to be with the silent one', () => fake.received.length > 0)
  // NGINX gives a silent node up within this time, HAProxy leaves the caller waiting.
  const answers = await Promise.all(asked)
  for (const [i, key] of keys.entries()) {
    const there = fake.received.filter(each => each === key).length
    assert.is((await node.value(key)) + there, 1, key)
    assert.is(answers[i]?.status === 200, there === 0, key)
  }
})

behindEach('is sent to another where the connection was refused', async all => {
  await all.fake.close()
  const answers = await Promise.all(Array.from({ length: ADDS }, () => add(all)))
  for (const { key, status } of answers) {
    assert.is(status, 200, key)
    assert.is(await all.node.value(key), 1, key)
  }
  assert.is(all.fake.received.length, 0)
})

behindEach('is sent to another where the node says that it is not ready', async all => {
  const { fake, node } = all
  fake.behaviour = 'not ready'
  for (let i = 0; i < ADDS; i++) {
    const { key, status } = await add(all)
    assert.is(status, 200, key)
    assert.is(await node.value(key), 1, key)
  }
  assert.ok(fake.received.length > 0, 'the other was asked')
})

/** Adds with an id, on a key of its own. */
async function operate({ port }: Scene, path = '/v1/counters', add = 1): Promise<{ key: string; answer?: Answer }> {
  const key = `k${serial++}`
  const headers = { 'idempotency-key': newOperationId() }
  const answer = await askOnce(port, `${path}/${key}`, { body: { add }, headers, timeoutMs: 12_000 })
  return answer === undefined ? { key } : { key, answer }
}

/** Repeats until the fake one was reached. NGINX leaves a server out for a second after a failure. */
async function meeting({ fake }: Scene, how: Behaviour, act: (met: () => boolean) => Promise<void>): Promise<void> {
  fake.behaviour = how
  const before = fake.received.length
  await until(`${how} to be met`, async () => {
    const reached = fake.received.length
    await act(() => fake.received.length > reached)
    return fake.received.length > before
  })
}

behindEach('with an id is sent to another whatever broke, and counts once', async all => {
  const { node } = all
  for (const how of ['reset', 'reset at once', 'close', 'half an answer', 'not ready'] as const) {
    await meeting(all, how, async met => {
      const { key, answer } = await operate(all)
      assert.is(answer?.status, 200, `${how}: ${answer?.status} ${answer?.text}`)
      assert.is(await node.value(key), 1, how)
      assert.is(answer?.headers['tallymesh-repeated'], met() ? '1' : undefined, how)
    })
  }
})

behindEach('with an id and is refused at last tells that it was sent before', async all => {
  await meeting(all, 'reset', async met => {
    const { answer } = await operate(all, '/v1/counters', 0)
    assert.equal([answer?.status, answer?.json?.counted], [400, false], answer?.text)
    assert.is(answer?.headers['tallymesh-repeated'], met() ? '1' : undefined)
  })
})

behindEach('with an id that is no add is not sent twice', async all => {
  await meeting(all, 'reset', async met => {
    const { key, answer } = await operate(all, '/v1/elsewhere')
    assert.is(all.fake.received.filter(each => each === key).length, met() ? 1 : 0)
    assert.is(answer?.status, met() ? 502 : 404)
  })
})

redispatch.run()
