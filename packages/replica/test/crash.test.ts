import { counterKey, type ReplicaId, storeId } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { KEY, RoomHarness } from './room-harness.js'
import type { VirtualNode } from './virtual-node.js'

const test = suite('crash')
type Three = [VirtualNode, VirtualNode, VirtualNode]

function idOf(node: VirtualNode): ReplicaId {
  const id = node.live.commits.replica
  if (id === undefined) throw new Error(`${node.name} has no id`)
  return id
}

/** Crashes a node `afterMs` after it counted one; its commit takes 100 ms: the disk has it at 51, the witness at 76. */
function crashAt(afterMs: number) {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as Three
  a.count(KEY, 1)
  room.converge()
  const id = idOf(a)
  a.persistMs = 100
  a.acknowledged.length = 0
  a.count(KEY, 1)
  room.run(afterMs)
  const acknowledged = a.acknowledged.length > 0
  a.crash()
  a.persistMs = 2
  a.start()
  assert.is(idOf(a), id, 'an everyday crash keeps the id')
  a.count(KEY, 10)
  room.converge()
  assert.equal([a.reported('LOG_FORKED'), b.reported('LOG_FORKED')], [0, 0])
  return { value: room.value(KEY), acknowledged }
}

test('before the disk has the commit: it is gone', () => {
  assert.equal(crashAt(40), { value: 11, acknowledged: false })
})

test('after the disk, before the witness: it counts, and was not acknowledged', () => {
  assert.equal(crashAt(60), { value: 12, acknowledged: false })
})

test('after the witness, before the acknowledgement: it counts', () => {
  assert.equal(crashAt(80), { value: 12, acknowledged: false })
})

test('after the acknowledgement: it counts', () => {
  assert.equal(crashAt(110), { value: 12, acknowledged: true })
})

test('all nodes killed at once lose nothing that was acknowledged', () => {
  const room = new RoomHarness()
  const nodes = room.start('a', 'b', 'c') as Three
  let acknowledged = 0
  for (let i = 0; i < 50; i++) {
    for (const node of nodes) node.count(KEY, 1)
    room.run(3)
  }
  for (const node of nodes) acknowledged += node.read(KEY) && node.acknowledged.length
  for (const node of nodes) node.reboot()
  for (const node of nodes) node.start()
  room.converge()
  assert.ok(room.value(KEY) >= acknowledged && acknowledged > 60)
})

test('a damaged own log is adopted under a fresh id, and nothing is lost alone', () => {
  const room = new RoomHarness()
  const a = room.node('a')
  a.start()
  for (let i = 0; i < 10; i++) {
    a.count(counterKey(`key-${i}`), i + 1)
    a.count(KEY, 1)
    room.run(10)
  }
  const id = idOf(a)
  a.crash()
  a.disk.harm(id, 'record 2 fails its checksum')
  a.start()
  assert.is(a.reported('LOG_DAMAGED'), 1)
  assert.is(a.live.commits.replica, undefined)
  // The second record is gone for good, and only what it alone said.
  assert.equal([a.read(KEY), a.read(counterKey('key-1')), a.read(counterKey('key-9'))], [10, 0, 10])
  room.converge()
  assert.is.not(idOf(a), id)
  a.reboot()
  a.start()
  assert.is(a.read(KEY), 10)
  assert.is(a.read(counterKey('key-9')), 10)
})

test('a damaged log comes back from peers whole', () => {
  const room = new RoomHarness()
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  for (let i = 0; i < 10; i++) {
    for (const node of [a, b, c]) node.count(counterKey(`${node.name}-${i}`), 1)
    room.run(20)
  }
  room.converge()
  const [idA, idB] = [idOf(a), idOf(b)]
  a.crash()
  a.disk.harm(idA, 'a flipped bit')
  a.disk.harm(idB, 'another one')
  a.start()
  assert.is(a.reported('LOG_DAMAGED'), 2)
  room.converge()
  for (const id of [idA, idB]) {
    assert.is(a.live.room.logs.get(id)?.clock, b.live.room.logs.get(id)?.clock)
    assert.is(a.disk.read(id).complete, true)
  }
  assert.equal(
    [...a.reports, ...b.reports].filter(({ error }) => error.code === 'LOG_FORKED'),
    [],
  )
})

test('damage in the middle of records is found without the store saying so', () => {
  const room = new RoomHarness()
  const a = room.node('a')
  a.start()
  for (let i = 0; i < 6; i++) {
    a.count(KEY, 1)
    room.run(10)
  }
  const id = idOf(a)
  const { logs, mark } = a.disk.state
  const stored = logs.get(id)
  for (const break_ of ['missing', 'garbage', 'twisted'] as const) {
    a.crash()
    const records = [...(stored?.records ?? [])]
    const third = records[2] as (typeof records)[0]
    if (break_ === 'missing') records.splice(2, 1)
    if (break_ === 'garbage') records[2] = { ...third, update: Uint8Array.from([1, 2, 3]) }
    if (break_ === 'twisted')
      records[2] = { ...third, update: third.update.map((byte, i) => (i > 40 ? byte ^ 4 : byte)) }
    a.disk.state = { logs: new Map([[id, { head: undefined, records }]]), mark }
    a.start()
    assert.is(a.reported('LOG_DAMAGED'), 1, break_)
    assert.is(a.read(KEY), 6, break_)
    assert.is(a.live.commits.replica, undefined)
  }
})

test('a damaged log of many keys stays on the disk until all of them are carried', () => {
  const room = new RoomHarness({ deepChecks: false })
  const a = room.node('a')
  a.start()
  const keys = Array.from({ length: 20_000 }, (_, i) => counterKey(`key-${i}`))
  for (const key of keys) a.count(key, 1)
  room.converge()
  const id = idOf(a)
  a.crash()
  a.disk.harm(id, 'its index is damaged', Number.POSITIVE_INFINITY)
  a.persistMs = 100
  a.start()
  room.run(160)
  assert.ok(a.disk.clock(id) > 0, 'one commit does not carry them all')
  a.crash()
  a.disk.harm(id, 'its index is damaged', Number.POSITIVE_INFINITY)
  a.start()
  room.converge()
  assert.is(a.disk.clock(id), 0)
  a.reboot()
  a.start()
  for (const key of keys) assert.is(a.read(key), 1)
})

/** Whether a node exchanges frames with another one. */
function knows(node: VirtualNode, other: VirtualNode): boolean {
  return node.live.peers.hasStore(other.store)
}

test('a removed member is refused for good, by all, and no longer counts', () => {
  const room = new RoomHarness()
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  for (const node of [a, b, c]) node.count(KEY, 1)
  room.converge()
  c.crash()
  a.step({ type: 'remove', store: c.store })
  room.converge()
  assert.equal([a.live.members.count, b.live.members.count], [2, 2])
  c.start()
  room.run(5000)
  assert.not.ok(knows(a, c) || knows(b, c))
  a.reboot()
  b.crash()
  for (const node of [a, b]) node.start()
  room.run(5000)
  assert.not.ok(knows(a, c) || knows(b, c))
  c.crash()
  room.nodes.pop()
  assert.is(room.value(KEY), 3)
  // With an empty directory that machine is welcome.
  room.node('c').start()
  room.converge()
  assert.is(room.value(KEY), 3)
})

test('a member that is removed while it is linked is cut off by everybody', () => {
  const room = new RoomHarness()
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  for (const node of [a, b, c]) node.count(KEY, 1)
  room.converge()
  a.step({ type: 'remove', store: c.store })
  room.run(300)
  assert.equal(
    [a, b].map(node => knows(node, c)),
    [false, false],
  )
  assert.ok(a.reported('MEMBER_REMOVED') + b.reported('MEMBER_REMOVED') >= 2)
})

test('a store that nobody met can be removed', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as Three
  const store = storeId('f'.repeat(32))
  a.step({ type: 'remove', store })
  room.converge()
  room.run(100)
  assert.equal(
    [a, b].map(({ live }) => live.members.isRemoved(store)),
    [true, true],
  )
})

test('after a failed write, what is not on the disk is taken over', () => {
  const room = new RoomHarness()
  const [a] = room.start('a') as Three
  a.count(KEY, 1)
  room.converge()
  a.persistMs = 1000
  a.count(KEY, 10)
  room.run(10)
  a.count(KEY, 100)
  a.count(counterKey('new'), 7)
  const { commits } = a.live
  a.crash()
  a.persistMs = 2
  // The disk refused the ten; the process lives on with a new replica.
  const { open, inFlight } = commits
  const cells = commits.cells()
  a.start()
  a.live.commits.adoptCells(cells, open, inFlight)
  assert.is(a.live.commits.open, open)
  assert.is(a.read(KEY), 111)
  a.flushSoon()
  room.converge()
  assert.equal([a.read(KEY), a.read(counterKey('new'))], [111, 7])
  a.reboot()
  a.start()
  assert.equal([a.read(KEY), a.read(counterKey('new'))], [111, 7])
})

test.run()
