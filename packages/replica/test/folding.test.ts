import { absorbedUnder, counterKey, type FenceEntry, LogWriter, type ReplicaId } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { KEY, RoomHarness } from './room-harness.js'
import type { VirtualNode } from './virtual-node.js'

const test = suite('folding')
type Three = [VirtualNode, VirtualNode, VirtualNode]
const FAST = { foldAfterMs: 5_000, foldGraceMs: 20_000 }

function idOf(node: VirtualNode): ReplicaId {
  const { replica } = node.live.commits
  if (replica === undefined) throw new Error(`${node.name} has no replica id`)
  return replica
}

/** The machine is rebooted, and counts under a fresh id. */
function renew(room: RoomHarness, node: VirtualNode): ReplicaId {
  const id = idOf(node)
  node.reboot()
  node.start()
  node.count(KEY, 1)
  room.run(500)
  assert.is.not(idOf(node), id)
  return id
}

/** Nothing of the ids is left but their fences. */
function isGone(node: VirtualNode, ids: readonly ReplicaId[]): boolean {
  const { room, table } = node.live
  return ids.every(
    id =>
      room.isOver(id) &&
      !room.logs.has(id) &&
      ![...table.replicas()].some(replica => replica === id || replica === absorbedUnder(id)) &&
      node.disk.state.logs.get(id) === undefined,
  )
}

test('the ids of restarts are folded into one, and every total stays as it is', () => {
  const room = new RoomHarness(FAST)
  const nodes = room.start('a', 'b', 'c') as Three
  for (const [i, node] of nodes.entries()) {
    node.count(KEY, 10 ** (i + 1))
    node.count(counterKey(node.name), -i - 1)
  }
  room.converge()
  const retired = [...nodes.map(node => renew(room, node)), ...nodes.map(node => renew(room, node))]
  room.converge()
  assert.is(room.value(KEY), 1116)
  room.until('all are folded', () => {
    assert.is(room.value(KEY), 1116)
    return nodes.every(node => isGone(node, retired))
  })
  room.converge()
  assert.equal(
    nodes.map(node => nodes.map(({ name }) => node.read(counterKey(name)))),
    [1, 2, 3].map(() => [-1, -2, -3]),
  )
  for (const node of nodes) assert.is(node.live.room.logs.size, 3)
  for (const node of nodes) node.crash()
  for (const node of nodes) node.start()
  room.converge()
  assert.is(room.value(KEY), 1116)
  for (const node of nodes) assert.ok(isGone(node, retired))
})

test('nothing is claimed while a member is away, and all of it when that one is back', () => {
  const room = new RoomHarness(FAST)
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  for (const node of [a, b, c]) node.count(KEY, 1)
  room.converge()
  c.crash()
  const id = renew(room, a)
  room.run(60_000)
  assert.not(b.live.room.isOver(id))
  assert.equal([...b.live.room.ledger.folds.claimed()], [])
  c.start()
  room.until('it is folded', () => [a, b, c].every(node => isGone(node, [id])))
  assert.is(room.value(KEY), 4)
})

test('what was counted under an id and turns up while its fold is remembered counts', () => {
  const room = new RoomHarness({ ...FAST, foldGraceMs: 200_000 })
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  for (const node of [a, b, c]) node.count(KEY, 1)
  room.converge()
  room.partition([a], [b, c])
  a.count(KEY, 100)
  room.run(100)
  const lost = a.disk.copy()
  const id = idOf(a)
  a.crash()
  // Its disk is put back to what the others know.
  a.disk.state = { ...a.disk.state, logs: new Map(b.disk.state.logs) }
  a.witness = undefined
  room.heal()
  a.start()
  a.count(KEY, 1)
  room.until('the slots are folded', () =>
    [
      ...b.live.operations.folding.states(),
      ...a.live.operations.folding.states(),
      ...c.live.operations.folding.states(),
    ].some(({ state }) => state === 'folded'),
  )
  room.converge()
  assert.is(room.value(KEY), 4)
  a.crash()
  a.disk = lost
  a.witness = undefined
  a.start()
  room.converge()
  assert.is(room.value(KEY), 104)
  room.until('it is folded', () => [b, c].every(node => isGone(node, [id])), 600_000)
  assert.is(room.value(KEY), 104)
})

test('what turns up of an id that is folded whole does not count, and its node tells that it came too late', () => {
  const room = new RoomHarness(FAST)
  const nodes = room.start('a', 'b', 'c') as Three
  const [a, b, c] = nodes
  for (const node of nodes) node.count(KEY, 1)
  room.converge()
  room.partition([a], [b, c])
  a.count(KEY, 100)
  room.run(100)
  const lost = a.disk.copy()
  const id = idOf(a)
  a.crash()
  a.disk.state = { ...a.disk.state, logs: new Map(b.disk.state.logs) }
  a.witness = undefined
  room.heal()
  a.start()
  a.count(KEY, 1)
  room.until('it is folded', () => nodes.every(node => isGone(node, [id])))
  const missed = () => nodes.map(({ live }) => live.room.ledger.folds.missed.size)
  assert.equal(missed(), [0, 0, 0])
  a.crash()
  a.disk = lost
  a.witness = undefined
  a.start()
  room.converge()
  assert.is(room.value(KEY), 4)
  assert.equal(missed(), [1, 0, 0])
})

test('an id that is claimed while its node goes on counts on under a fresh one', () => {
  const room = new RoomHarness(FAST)
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  for (const node of [a, b, c]) node.count(KEY, 1)
  room.converge()
  const id = idOf(c)
  a.live.commits.carry({ kind: 'claim', replica: id })
  a.flushSoon()
  c.count(KEY, 5)
  room.run(1_000)
  c.count(KEY, 5)
  room.converge()
  assert.is.not(idOf(c), id)
  assert.is(room.value(KEY), 13)
  room.until('it is folded', () => [a, b, c].every(node => isGone(node, [id])))
  assert.is(room.value(KEY), 13)
})

test('two claimants: the smaller id folds, once', () => {
  const room = new RoomHarness(FAST)
  const nodes = room.start('a', 'b', 'c') as Three
  for (const node of nodes) node.count(KEY, 7)
  room.converge()
  const id = renew(room, nodes[0])
  for (const node of nodes) {
    node.live.commits.carry({ kind: 'claim', replica: id })
    node.flushSoon()
  }
  room.until('it is folded', () => nodes.every(node => isGone(node, [id])))
  room.converge()
  assert.is(room.value(KEY), 22)
  const smallest = Math.min(...nodes.map(idOf)) as ReplicaId
  for (const node of nodes) {
    const at = node.live.table.idOf(KEY)
    assert.is(node.live.table.slot(absorbedUnder(smallest), at).p, 7)
    assert.equal([...node.live.room.ledger.folds.claimed()], [])
  }
})

test('a claimant that is folded itself leaves its folds to the next one', () => {
  const room = new RoomHarness({ ...FAST, foldGraceMs: 60_000 })
  const nodes = room.start('a', 'b', 'c') as Three
  for (const node of nodes) for (let i = 0; i < 50; i++) node.count(counterKey(`k${i}`), i + 1)
  for (const node of nodes) node.count(KEY, 1)
  room.converge()
  const retired = nodes.map(node => renew(room, node))
  let counted = 6
  for (let i = 0; i < 5; i++) {
    room.run(15_000)
    for (const node of nodes) {
      retired.push(renew(room, node))
      counted++
    }
    room.converge()
    assert.is(room.value(KEY), counted)
    assert.is(room.value(counterKey('k9')), 30)
  }
  room.until('all are folded', () => nodes.every(node => isGone(node, retired)), 900_000)
  assert.is(room.value(KEY), counted)
  assert.is(room.value(counterKey('k49')), 150)
})

/** The lists of ids that are folded whole, in all logs that a node holds. */
function lists(node: VirtualNode): FenceEntry[] {
  const { logs, ledger } = node.live.room
  return [...logs.keys()].flatMap(log =>
    // All that a log says it says alone where no other one is sound.
    [...ledger.folds.saidAlone(log, () => false)].flatMap(entry => (entry.kind === 'fence' ? [entry] : [])),
  )
}

test('ids that are folded whole are kept in lists that go from one claimant to the next', () => {
  const room = new RoomHarness({ ...FAST, foldGraceMs: 0 })
  const nodes = room.start('a', 'b', 'c') as Three
  for (const node of nodes) node.count(KEY, 1)
  room.converge()
  const retired: ReplicaId[] = []
  for (let i = 0; i < 4; i++) {
    retired.push(...nodes.map(node => renew(room, node)))
    room.until('they are folded', () => nodes.every(node => isGone(node, retired)))
  }
  room.converge()
  for (const node of nodes) {
    assert.is(node.live.room.ledger.folds.fences, retired.length)
    assert.ok(lists(node).length <= nodes.length)
    assert.equal(new Set(lists(node).flatMap(({ ids }) => ids)), new Set(retired))
  }
  const [d] = room.start('d')
  room.converge()
  assert.is(d?.live.room.ledger.folds.fences, retired.length)
  assert.is(d?.read(KEY), 15)
})

test('the lists of a forked log are carried by others, as they are', () => {
  const room = new RoomHarness({ ...FAST, foldGraceMs: 0 })
  const nodes = room.start('a', 'b', 'c') as Three
  const [a, b] = nodes
  for (const node of nodes) node.count(KEY, 1)
  room.converge()
  const retired = [renew(room, a), renew(room, b)]
  room.until('they are folded', () => nodes.every(node => isGone(node, retired)))
  room.converge()
  const folder = nodes.find(node => lists(node).length > 0 && idOf(node) === Math.min(...nodes.map(idOf))) ?? a
  const forked = idOf(folder)
  b.live.diverged(forked, 'a test says so', [])
  b.flushSoon()
  room.run(2_000)
  const [d] = room.start('d')
  room.run(1_000)
  assert.ok(d && retired.every(id => d.live.room.isOver(id)))
  assert.not(d.live.room.isOver(forked))
  folder.count(KEY, 1)
  retired.push(forked)
  room.until('the forked log is folded, too', () => [...nodes, d].every(node => isGone(node, retired)))
  room.converge()
  assert.is(room.value(KEY), 6)
  for (const node of nodes) {
    assert.equal(new Set(lists(node).flatMap(({ ids }) => ids)), new Set(retired))
  }
})

test('a log on the disk that ends its own id ends nothing', () => {
  const room = new RoomHarness(FAST)
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  for (const node of [a, b, c]) node.count(KEY, 3)
  room.converge()
  a.crash()
  const log = a.disk.read(idOf(c))
  const { clock, bytes } = new LogWriter(log).append([{ kind: 'fence', number: 0, ids: [log.id] }])
  a.disk.apply([{ log: log.id, append: { clock, update: bytes } }], undefined)
  a.start()
  assert.is(a.reported('LOG_DAMAGED'), 1)
  assert.not(a.live.room.isOver(log.id))
  room.converge()
  assert.is(room.value(KEY), 9)
})

test('a forked id is folded like others', () => {
  const room = new RoomHarness(FAST)
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  for (const node of [a, b, c]) node.count(KEY, 3)
  room.converge()
  const id = idOf(a)
  b.live.diverged(id, 'a test says so', [])
  b.flushSoon()
  a.count(KEY, 4)
  room.until('it is folded', () => [a, b, c].every(node => isGone(node, [id])))
  room.converge()
  assert.is(room.value(KEY), 13)
  for (const node of [a, b, c]) {
    assert.equal(
      [...node.live.room.carried.of(idOf(node))].filter(({ kind }) => kind !== 'member'),
      [],
    )
    assert.equal([...node.live.room.forked], [])
  }
})

test('operations of an id that is folded settle elsewhere', () => {
  const room = new RoomHarness(FAST)
  const nodes = room.start('a', 'b', 'c') as Three
  for (const node of nodes) node.count(KEY, 1)
  room.converge()
  const [a] = nodes
  const operation = '01936b2e7c1a7d3e9f572b8a6c4d1e0f' as never
  a.live.operations.admitted()
  a.flushSoon()
  room.until('admission', () => a.live.operations.admitted())
  a.live.operations.take(operation, [{ key: KEY, p: 50, n: 0 }], 0x01936b2e7c1a)
  a.flushSoon()
  room.run(4)
  const id = renew(room, a)
  assert.is(room.value(KEY), 54)
  room.until('it is folded', () => nodes.every(node => isGone(node, [id])))
  room.converge()
  assert.is(room.value(KEY), 54)
  for (const node of nodes) assert.is(node.live.room.ledger.open.size, 0)
})

test.run()
