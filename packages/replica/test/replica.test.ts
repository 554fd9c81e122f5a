import { counterKey, type ReplicaId, type TallymeshError } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeMessage, type Input } from '../src/index.js'
import { KEY, RoomHarness } from './room-harness.js'
import type { VirtualNode } from './virtual-node.js'

const test = suite('replica')
type Three = [VirtualNode, VirtualNode, VirtualNode]

/** The messages of one type that a node sent since `from`. */
function sentBy(node: VirtualNode, type: string, from = 0): number {
  return node.sent.slice(from).filter(({ kind, body }) => decodeMessage(kind, body).type === type).length
}

test('three nodes count and agree', () => {
  const room = new RoomHarness()
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  a.count(KEY, 3)
  b.count(KEY, 4)
  c.count(KEY, -2)
  assert.equal([a.read(KEY), b.read(KEY), c.read(KEY)], [3, 4, -2])
  room.run(60)
  assert.is(room.value(KEY), 5)
})

test('both sides of a partition count on, and healing brings the sum', () => {
  const room = new RoomHarness()
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  for (const node of [a, b, c]) node.count(KEY, 1)
  room.converge()
  room.partition([a], [b, c])
  a.count(KEY, 10)
  b.count(KEY, 100)
  c.count(KEY, -1000)
  room.run(20_000)
  assert.equal([a.read(KEY), b.read(KEY), c.read(KEY)], [13, -897, -897])
  assert.ok(a.members.includes('b down') && b.members.includes('a down') && !b.members.includes('c down'))
  room.heal()
  room.converge(2000)
  assert.is(room.value(KEY), -887)
})

test('a middle node relays between two that have no link', () => {
  const room = new RoomHarness()
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  room.cut(a, c)
  room.run(1500)
  const events = room.nowMs
  a.count(KEY, 1)
  c.count(KEY, 2)
  room.run(60)
  assert.is(room.nowMs - events, 60)
  assert.equal([a.read(KEY), b.read(KEY), c.read(KEY)], [3, 3, 3])
})

test('in a full mesh one commit is n - 1 update frames', () => {
  const room = new RoomHarness()
  const nodes = room.start('a', 'b', 'c', 'd', 'e', 'f')
  for (const node of nodes) node.count(KEY, 1)
  room.converge()
  room.run(4000)
  const before = nodes.map(node => node.sent.length)
  nodes[0]?.count(KEY, 1)
  room.run(100)
  assert.equal(
    nodes.map((node, i) => sentBy(node, 'update', before[i])),
    [5, 0, 0, 0, 0, 0],
  )
  assert.equal(
    nodes.map((node, i) => sentBy(node, 'durable', before[i])),
    [0, 1, 1, 1, 1, 1],
  )
  assert.is(room.value(KEY), 7)
})

test('a commit is acknowledged after the disk and the witness have it, and sent only then', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as Three
  a.persistMs = 100
  a.count(KEY, 1)
  room.run(45)
  assert.equal([a.disk.records, a.acknowledged.length, sentBy(a, 'update')], [0, 0, 0])
  room.run(20)
  assert.equal([a.disk.records, a.witness, a.acknowledged.length, sentBy(a, 'update')], [1, undefined, 0, 0])
  room.run(25)
  assert.equal([a.witness?.number, a.acknowledged.length, sentBy(a, 'update')], [1, 0, 0])
  room.run(25)
  assert.equal([a.acknowledged, sentBy(a, 'update') + sentBy(a, 'diff'), b.read(KEY)], [[1], 1, 1])
})

test('while a commit is in flight, questions for the own log wait', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as Three
  a.count(KEY, 1)
  room.converge()
  room.drop(a, b)
  a.persistMs = 1000
  a.count(KEY, 1)
  room.until('they are linked again', () => room.linked(a, b))
  room.run(20)
  room.inject(b, a, 17, Uint8Array.from([...new Uint8Array(0)]))
  room.converge()
  assert.is(room.value(KEY), 2)
})

test('counts past 2^53 - 1 are refused, and nothing is counted', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as Three
  a.count(KEY, Number.MAX_SAFE_INTEGER - 1)
  a.count(KEY, -Number.MAX_SAFE_INTEGER)
  for (const amount of [2, -1]) {
    try {
      a.count(KEY, amount)
      assert.unreachable()
    } catch (error) {
      assert.is((error as TallymeshError).code, 'COUNTER_OVERFLOW')
    }
  }
  a.count(KEY, 1)
  room.converge()
  assert.is(room.value(KEY), 0)
  const id = b.live.table.idOf(KEY)
  assert.is(b.live.table.totals(id).increments, BigInt(Number.MAX_SAFE_INTEGER))
})

test('more keys than a commit takes are acknowledged when the last of them is durable, and none starves', () => {
  const room = new RoomHarness({ deepChecks: false })
  const [a] = room.start('a') as Three
  const keys = Array.from({ length: 5_000 }, (_, i) => counterKey(`key-${i}`))
  a.persistMs = 40
  for (const key of keys) a.count(key, 1)
  assert.is(a.live.commits.open, 1)
  room.run(2)
  assert.is(a.live.commits.open, 2)
  // From now on the first keys are counted without a pause; the last must still get in.
  const acknowledgedMs: number[] = []
  for (let i = 0; i < 200; i++) {
    for (const key of keys.slice(0, 2_200)) a.live.commits.increment(a.cell(key), 1)
    a.flushSoon()
    room.run(1)
    if (a.acknowledged.includes(1) && acknowledgedMs.length === 0) acknowledgedMs.push(room.nowMs)
  }
  const last = keys.at(-1) as typeof KEY
  assert.is(a.disk.read(a.live.commits.replica as ReplicaId).live.clockOf(last) >= 0, true)
  assert.equal(a.acknowledged[0], 0, 'the first commits of three hold a part only')
  assert.ok((acknowledgedMs[0] ?? 1000) <= 150, 'three commits of 40 ms')
  room.converge()
  a.crash()
  a.start()
  assert.is(a.read(last), 1)
  assert.is(a.read(keys[0] as typeof KEY), 201)
})

test('hours that a clock jumps, either way, change nothing and stall nothing', () => {
  const room = new RoomHarness()
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  for (const node of [a, b, c]) node.count(KEY, 1)
  room.converge()
  room.run(10_000)
  for (const skewMs of [7_200_000, -7_200_000, -36_000_000, 0]) {
    a.skewMs = skewMs
    a.count(KEY, 1)
    a.step({ type: 'await', ticket: skewMs, replicas: 3, timeoutMs: 5000 })
    room.run(3000)
    assert.ok(a.confirmed.includes(skewMs), `the write concern was met at ${skewMs}`)
  }
  assert.is(room.value(KEY), 7)
  assert.equal(
    [...a.members, ...b.members].filter(state => !state.endsWith('up')),
    [],
  )
})

test('a silent peer is suspected, then down, and its link is cut', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as Three
  room.run(10_000)
  room.loses = from => from === b
  const deaf = room.nowMs
  room.until('b is suspected', () => a.members.includes('b suspect'))
  room.until('b is down', () => a.members.includes('b down'))
  assert.ok(room.nowMs - deaf < 5000)
  assert.is(a.reported('LINK_FAILED'), 1)
  room.loses = () => false
  room.until('b is up again', () => a.members.at(-1) === 'b up')
})

test('a half-open link to a copy of the own disk is cut too', () => {
  const room = new RoomHarness()
  const [a] = room.start('a') as Three
  a.count(KEY, 1)
  room.converge()
  const twin = room.node('twin', a.disk.copy())
  twin.start()
  room.run(5000)
  room.loses = from => from === twin
  room.until('the link is cut', () => a.reported('LINK_FAILED') > 0)
  assert.equal(a.members, [], 'it is no other member')
})

test('of two links between two processes, both keep the same one', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as Three
  for (const [from, to] of [
    [a, b],
    [b, a],
    [b, a],
    [a, b],
  ] as const) {
    room.dial(from, to)
    room.dial(to, from)
    room.run(2000)
    assert.equal([a.live.peers.size, b.live.peers.size], [1, 1])
  }
  a.count(KEY, 1)
  room.converge(500)
  assert.equal([...a.reports, ...b.reports], [])
})

test('a node that dials itself closes the link quietly, and its own URL is no member', () => {
  const room = new RoomHarness()
  const a = room.node('a', undefined, ['ws://a'])
  a.start()
  assert.is(a.live.members.count, 2)
  const peer = { name: 'a', store: a.store, instance: a.instance, replica: 0 as const, urls: ['ws://a'] }
  assert.equal(a.live.step({ type: 'open', link: 99, peer, dialed: true }), [
    { type: 'close', link: 99, reason: undefined },
  ])
  assert.is(a.live.members.count, 1)
})

test('inputs of links that are gone, flushes without need and unknown inputs are harmless', () => {
  const room = new RoomHarness()
  const [a] = room.start('a') as Three
  assert.equal(a.live.step({ type: 'closed', link: 1000 }), [])
  assert.equal(a.live.step({ type: 'frame', link: 1000, kind: 16, body: new Uint8Array() }), [])
  assert.equal(a.live.step({ type: 'flush' }), [])
  assert.equal(a.live.step({ type: 'persisted' }), [])
  assert.throws(() => a.live.step({ type: 'nonsense' } as unknown as Input), /unknown input/)
})

test('the same inputs give the same effects, to the byte', () => {
  const history = (seed: number) => {
    const room = new RoomHarness({ seed, hashes: true })
    const [a, b, c] = room.start('a', 'b', 'c') as Three
    for (let i = 0; i < 100; i++) {
      room.prng.pick([a, b, c]).count(KEY, 1 + room.prng.int(5))
      room.run(room.prng.int(50))
    }
    room.converge()
    return room.hash
  }
  assert.is(history(5), history(5))
  assert.is.not(history(5), history(6))
})

test.run()
