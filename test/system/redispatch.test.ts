// deadline: 300 s
import { Agent } from 'node:http'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../cluster/free-port.js'
import { until } from '../cluster/until.js'
import { askOnce } from './answer.js'
import type { BalancerKind } from './balancer-process.js'
import { type Behaviour, FakeBackend } from './fake-backend.js'
import type { NodeProcess } from './node-process.js'
import { forBalancers, type ServerRoom } from './server-room.js'

const redispatch = suite('a request that fails at one node')

const ADDS = 20
let serial = 0

interface Scene {
  readonly port: number
  readonly node: NodeProcess
  readonly fake: FakeBackend
}

/** A real node and a fake one behind a balancer. */
async function scene(room: ServerRoom, kind: BalancerKind, test: (scene: Scene) => Promise<void>): Promise<void> {
  const [node] = await room.startAll('a')
  const fake = await FakeBackend.open(await freePort())
  try {
    const balancer = await room.balance(kind, [node as NodeProcess, fake])
    await test({ port: balancer.port, node: node as NodeProcess, fake })
  } finally {
    await fake.close()
  }
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

forBalancers(redispatch, 'is never sent to a second one once bytes of it were sent', async (room, kind) => {
  await scene(room, kind, async all => {
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

forBalancers(redispatch, 'is not sent to a second one while the first is silent', async (room, kind) => {
  await scene(room, kind, async all => {
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
})

forBalancers(redispatch, 'is sent to another where the connection was refused', async (room, kind) => {
  await scene(room, kind, async all => {
    await all.fake.close()
    const answers = await Promise.all(Array.from({ length: ADDS }, () => add(all)))
    for (const { key, status } of answers) {
      assert.is(status, 200, key)
      assert.is(await all.node.value(key), 1, key)
    }
    assert.is(all.fake.received.length, 0)
  })
})

forBalancers(redispatch, 'is sent to another where the node says that it is not ready', async (room, kind) => {
  await scene(room, kind, async all => {
    const { fake, node } = all
    fake.behaviour = 'not ready'
    for (let i = 0; i < ADDS; i++) {
      const { key, status } = await add(all)
      assert.is(status, 200, key)
      assert.is(await node.value(key), 1, key)
    }
    assert.ok(fake.received.length > 0, 'the other was asked')
  })
})

redispatch.run()
