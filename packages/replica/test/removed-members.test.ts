import { counterKey, type MemberEntry, type ReplicaId, type StoreId, storeId } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RoomHarness } from './room-harness.js'
import type { VirtualNode } from './virtual-node.js'

const test = suite('removed members')

const KEY = counterKey('orders')
const FAST = { heartbeatMs: 250, antiEntropyMs: 1_000, foldAfterMs: 2_000, foldGraceMs: 0 }

function removal(number: number): MemberEntry {
  const store = storeId(number.toString(16).padStart(32, '0'))
  return { kind: 'member', store, name: `pod-${number}`, urls: [`ws://pod-${number}.room:7000/`], removed: true }
}

function remove(node: VirtualNode, numbers: readonly number[]): StoreId[] {
  const entries = numbers.map(removal)
  for (const entry of entries) {
    node.live.members.record(entry)
    node.live.commits.carry(entry)
  }
  node.flushSoon()
  return entries.map(({ store }) => store)
}

/** The node goes on under a fresh id. Answers the old one. */
function renew(room: RoomHarness, node: VirtualNode): ReplicaId {
  const id = node.live.commits.replica as ReplicaId
  node.reboot()
  node.start()
  node.count(KEY, 1)
  room.run(500)
  return id
}

function folded(room: RoomHarness, nodes: readonly VirtualNode[], id: ReplicaId): void {
  room.until('it is folded', () => nodes.every(node => node.live.room.isOver(id)))
  room.converge()
}

/** Removed members of which some log of the node says more than the store. */
function recorded({ live: { room } }: VirtualNode): StoreId[] {
  const records = [...room.logs.keys()].flatMap(log => [...room.carried.recordsOf(log)])
  return [...new Set(records.filter(({ removed }) => removed).map(({ store }) => store))]
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

test('removed members go into lists that nodes keep, whoever is folded', () => {
  const room = new RoomHarness(FAST)
  const nodes = room.start('a', 'b', 'c')
  for (const node of nodes) node.count(KEY, 1)
  room.converge()
  const stores = nodes.flatMap((node, i) => remove(node, range(400 * i + 1, 400 * i + 301)))
  room.converge()
  const areOut = () => {
    for (const node of [...nodes]) assert.ok(stores.every(store => node.live.members.isRemoved(store)))
  }
  areOut()
  for (const node of nodes) assert.is(recorded(node).length, stores.length)
  for (const node of [...nodes, ...nodes]) {
    folded(room, nodes, renew(room, node))
    areOut()
  }
  for (const node of nodes) assert.ok(recorded(node).length <= 16, `${recorded(node).length} are recorded`)
  for (const node of nodes) node.crash()
  for (const node of nodes) node.start()
  room.converge()
  areOut()
  assert.ok(nodes.every(({ live }) => [...live.members.others()].length < 20))
  const [d] = room.start('d')
  room.converge()
  assert.ok(stores.every(store => d?.live.members.isRemoved(store)))
})

test('a few removed members keep their names', () => {
  const room = new RoomHarness(FAST)
  const nodes = room.start('a', 'b', 'c')
  const [a] = nodes as [VirtualNode]
  for (const node of nodes) node.count(KEY, 1)
  remove(a, range(1, 17))
  room.converge()
  for (const node of nodes) folded(room, nodes, renew(room, node))
  assert.is(recorded(a).length, 16)
  assert.is(a.live.members.get(removal(7).store)?.name, 'pod-7')
})

test('a removed member whose address is a seed stays known by it', () => {
  const room = new RoomHarness(FAST)
  const nodes = room.start('a', 'b')
  const c = room.node('c', undefined, removal(7).urls)
  c.start()
  nodes.push(c)
  for (const node of nodes) node.count(KEY, 1)
  const [a] = nodes as [VirtualNode]
  remove(a, range(1, 100))
  room.run(5_000)
  assert.not(c.live.members.mayBeMore)
  folded(room, nodes, renew(room, a))
  folded(room, nodes, renew(room, nodes[1] as VirtualNode))
  for (const node of nodes) assert.equal(recorded(node), [removal(7).store])
  c.crash()
  c.start()
  assert.not(c.live.members.mayBeMore)
})

test.run()
