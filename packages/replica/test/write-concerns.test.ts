import { replicaId, storeId } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Effect } from '../src/index.js'
import { Membership } from '../src/membership.js'
import { WriteConcerns } from '../src/write-concerns.js'
import { KEY, RoomHarness } from './room-harness.js'
import type { VirtualNode } from './virtual-node.js'

const test = suite('write concerns')

const LOG = replicaId(7)
const OWN = storeId('0'.repeat(32))
const A = storeId('a'.repeat(32))
const B = storeId('b'.repeat(32))
const C = storeId('c'.repeat(32))

function concerns(others = [A, B]) {
  const members = new Membership(OWN, 1000, [])
  for (const store of others) {
    members.record({ kind: 'member', store, name: store, urls: [], removed: false })
  }
  const effects: Effect[] = []
  const forked = new Set([replicaId(9)])
  return { members, effects, concerns: new WriteConcerns(members, forked, effects) }
}

test('a ticket is confirmed once enough stores hold its commit, not before it is durable here', () => {
  const { concerns: waits, effects } = concerns()
  waits.add(1, 5, 2, 1000)
  waits.confirmed({ store: A, log: LOG, clock: 3 })
  assert.equal(effects, [])
  waits.durable(5, LOG, 3)
  assert.equal(effects, [{ type: 'confirmed', ticket: 1 }])
})

test('a store that is behind, this store and a removed one do not count', () => {
  const { concerns: waits, effects, members } = concerns([A, B, C])
  waits.add(1, 5, 2, 1000)
  waits.durable(5, LOG, 3)
  waits.confirmed({ store: A, log: LOG, clock: 2 })
  waits.confirmed({ store: OWN, log: LOG, clock: 3 })
  members.record({ kind: 'member', store: B, name: 'b', urls: [], removed: true })
  waits.confirmed({ store: B, log: LOG, clock: 3 })
  assert.equal(effects, [])
  waits.tick(1000)
  assert.equal(effects, [{ type: 'unconfirmed', ticket: 1, confirmed: 1, wanted: 2 }])
  waits.confirmed({ store: C, log: LOG, clock: 3 })
  assert.is(effects.length, 1)
})

test('a store that is about to leave does not count: its disk goes with it', () => {
  const { concerns: waits, effects, members } = concerns()
  waits.add(1, 5, 2, 1000)
  waits.durable(5, LOG, 3)
  members.told(A, true)
  waits.confirmed({ store: A, log: LOG, clock: 3 })
  members.met({ store: A, name: 'a', urls: [], instance: 'i', replica: 0 }, 1)
  waits.tick(2)
  assert.equal(effects, [], 'on a new link it said nothing yet')
  members.told(A, false)
  waits.confirmed({ store: A, log: LOG, clock: 3 })
  assert.equal(effects, [{ type: 'confirmed', ticket: 1 }])
})

test('what a store says replaces what it said', () => {
  const { concerns: waits, effects } = concerns()
  waits.confirmed({ store: A, log: LOG, clock: 9 })
  waits.confirmed({ store: A, log: LOG, clock: 1 })
  assert.is(waits.clockOf(LOG, A), 1)
  assert.is(waits.clockOf(LOG, B), 0)
  assert.is(waits.clockOf(replicaId(8), B), 0)
  waits.add(1, 1, 2, 10)
  waits.durable(1, LOG, 3)
  assert.equal(effects, [])
})

test('a majority is counted over the members of now', () => {
  const { concerns: waits, effects, members } = concerns([A, B, C])
  waits.add(1, 1, 'majority', 10_000)
  waits.durable(1, LOG, 1)
  waits.confirmed({ store: A, log: LOG, clock: 1 })
  assert.equal(effects, [])
  members.record({ kind: 'member', store: C, name: 'c', urls: [], removed: true })
  waits.tick(1)
  assert.equal(effects, [{ type: 'confirmed', ticket: 1 }])
})

test('who confirms a forked log may hold its other history: that does not count', () => {
  const { concerns: waits, effects } = concerns()
  waits.confirmed({ store: A, log: replicaId(9), clock: 50 })
  waits.add(1, 1, 2, 10)
  waits.durable(1, replicaId(9), 3)
  waits.tick(10)
  assert.equal(effects, [{ type: 'unconfirmed', ticket: 1, confirmed: 1, wanted: 2 }])
})

/** Counts and asks for a write concern. */
function countAt(node: VirtualNode, replicas: number | 'majority', ticket: number, timeoutMs = 2000): void {
  node.count(KEY, 1)
  node.step({ type: 'await', ticket, replicas, timeoutMs })
}

test('a room confirms 2, 3 and a majority', () => {
  const room = new RoomHarness()
  const [a] = room.start('a', 'b', 'c') as [VirtualNode, VirtualNode, VirtualNode]
  countAt(a, 2, 1)
  countAt(a, 3, 2)
  countAt(a, 'majority', 3)
  countAt(a, 1, 4)
  countAt(a, 4, 5)
  room.run(500)
  assert.equal(a.confirmed.toSorted(), [1, 2, 3, 4])
  room.run(3000)
  assert.equal(
    a.unconfirmed.map(({ ticket, confirmed, wanted }) => [ticket, confirmed, wanted]),
    [[5, 3, 4]],
  )
})

test('a minority gets no majority, but its counts stay and spread', () => {
  const room = new RoomHarness()
  const [a, b, c] = room.start('a', 'b', 'c') as [VirtualNode, VirtualNode, VirtualNode]
  for (const node of [a, b, c]) node.count(KEY, 1)
  room.converge()
  room.partition([a], [b, c])
  countAt(a, 'majority', 1)
  countAt(b, 'majority', 2)
  room.run(4000)
  assert.equal([a.confirmed, b.confirmed], [[], [2]])
  assert.equal(
    a.unconfirmed.map(({ confirmed, wanted }) => [confirmed, wanted]),
    [[1, 2]],
  )
  room.heal()
  room.converge()
  assert.is(room.value(KEY), 5)
})

test('seeds that were never reached count towards a majority', () => {
  const room = new RoomHarness()
  const a = room.node('a', undefined, ['ws://b', 'ws://c', 'ws://d'])
  const b = room.node('b')
  for (const node of [a, b]) node.start()
  room.run(100)
  assert.is(a.live.members.count, 4)
  countAt(a, 'majority', 1)
  room.run(3000)
  assert.equal(
    a.unconfirmed.map(({ confirmed, wanted }) => [confirmed, wanted]),
    [[2, 3]],
  )
})

test('two machines on copies of one disk are one store', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as [VirtualNode, VirtualNode]
  b.count(KEY, 1)
  room.converge()
  room.node('twin', b.disk.copy()).start()
  room.run(200)
  countAt(a, 2, 1)
  countAt(a, 3, 2)
  room.run(4000)
  assert.equal(a.confirmed, [1])
  assert.equal(
    a.unconfirmed.map(({ confirmed }) => confirmed),
    [2],
  )
  room.converge()
})

test('a confirmation that has to be relayed arrives', () => {
  const room = new RoomHarness()
  const [a, b, c] = room.start('a', 'b', 'c') as [VirtualNode, VirtualNode, VirtualNode]
  room.cut(a, c)
  room.run(2500)
  countAt(a, 3, 1)
  room.run(500)
  assert.equal(a.confirmed, [1])
  assert.ok(b.up)
})

test('a member that lags shows how much', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as [VirtualNode, VirtualNode]
  a.count(KEY, 1)
  room.converge()
  room.run(100)
  const lag = () => [...a.live.view()].map(({ name, lag }) => `${name} ${lag}`)
  assert.equal(lag(), ['b 0'])
  b.crash()
  for (let i = 0; i < 3; i++) {
    a.count(KEY, 1)
    room.run(20)
  }
  assert.equal(lag(), ['b 3'])
})

test.run()
