import {
  absorbedUnder,
  counterKey,
  type ErrorCode,
  OPERATION_COUNTS_MAX,
  type OperationCount,
  operationId,
  TallymeshError,
} from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { KEY, RoomHarness } from './room-harness.js'
import type { VirtualNode } from './virtual-node.js'

const test = suite('operations')
const WINDOW_MS = 600_000
const NOW_MS = 1_000_000_000_000

/** The id of an operation made `ageMs` before `NOW_MS`. */
function idOf(number: number, ageMs = 0): ReturnType<typeof operationId> {
  const time = (NOW_MS - ageMs).toString(16).padStart(12, '0')
  return operationId(`${time}7000${(0x8000000000000000n + BigInt(number)).toString(16)}`)
}

function counts(amount = 1): readonly OperationCount[] {
  return [{ key: KEY, p: amount, n: 0 }]
}

/** Takes an operation once the node may. */
function take(room: RoomHarness, node: VirtualNode, number: number, amount = 1): string {
  node.live.operations.admitted()
  node.flushSoon()
  room.until('admission', () => node.live.operations.admitted())
  const taken = node.live.operations.take(idOf(number), counts(amount), NOW_MS)
  node.flushSoon()
  return taken
}

function refused(act: () => unknown, code: ErrorCode): void {
  try {
    act()
  } catch (error) {
    assert.is(error instanceof TallymeshError ? error.code : String(error), code)
    return
  }
  throw new Error(`expected ${code}, nothing was thrown`)
}

function operationsOf(node: VirtualNode): number {
  return node.live.room.ledger.operations.size
}

test('an operation that several nodes took counts once, settles in one log, and is forgotten after its window', () => {
  const room = new RoomHarness()
  const [a, b, c] = room.start('a', 'b', 'c') as [VirtualNode, VirtualNode, VirtualNode]
  const nodes = [a, b, c]
  for (const node of nodes) {
    node.live.operations.admitted()
    node.flushSoon()
  }
  room.until('admission', () => nodes.every(node => node.live.operations.admitted()))
  for (const node of nodes) assert.is(take(room, node, 1, 5), 'new')
  room.converge()
  assert.equal(
    nodes.map(node => node.read(KEY)),
    [5, 5, 5],
  )
  room.until('settling', () =>
    nodes.every(node =>
      [...node.live.room.ledger.operations].every(([, at]) => at.carriers.length === 0 && at.settlers.length === 1),
    ),
  )
  assert.equal(
    nodes.map(node => node.read(KEY)),
    [5, 5, 5],
  )
  assert.is(take(room, b, 1, 5), 'known')
  // By their clocks it may still be tried.
  for (const node of nodes) node.wallMs = () => NOW_MS + WINDOW_MS - 1
  room.run(2 * WINDOW_MS + 60_000)
  assert.equal(nodes.map(operationsOf), [1, 1, 1])
  for (const node of nodes) node.wallMs = () => NOW_MS + WINDOW_MS
  room.run(60_000)
  assert.equal(nodes.map(operationsOf), [0, 0, 0])
  assert.equal(
    nodes.map(node => node.read(KEY)),
    [5, 5, 5],
  )
  const absorbed = nodes
    .map(({ live }) => live.commits.replica)
    .filter(id => id !== undefined)
    .filter(id => a.live.table.slot(absorbedUnder(id), a.live.table.idOf(KEY)).p > 0)
  assert.is(absorbed.length, 1)
})

test('while a member is away nothing settles, nobody new is admitted, and plain counts go on', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as [VirtualNode, VirtualNode]
  take(room, a, 1)
  room.converge()
  b.crash()
  take(room, a, 2)
  room.run(30_000)
  assert.ok([...a.live.room.ledger.operations].some(([, { settlers }]) => settlers.length === 0))
  a.count(KEY, 10)
  assert.is(a.read(KEY), 12)
  const late = room.node('c')
  late.start()
  room.run(30_000)
  assert.not(late.live.operations.admitted())
  refused(() => late.live.operations.take(idOf(3), counts(), NOW_MS), 'OPERATIONS_UNAVAILABLE')
  b.start()
  late.flushSoon()
  room.until('admission', () => late.live.operations.admitted())
  room.until('settling', () => [...a.live.room.ledger.operations].every(([, { settlers }]) => settlers.length === 1))
})

test('what is not the same operation, too old, too new or too large is refused, and counts nothing', () => {
  const room = new RoomHarness()
  const [a] = room.start('a') as [VirtualNode]
  assert.is(take(room, a, 1, 5), 'new')
  const { operations } = a.live
  refused(() => operations.take(idOf(1), counts(6), NOW_MS), 'OPERATION_MISMATCH')
  refused(() => operations.take(idOf(1), [{ key: counterKey('other'), p: 5, n: 0 }], NOW_MS), 'OPERATION_MISMATCH')
  refused(() => operations.take(idOf(2, WINDOW_MS + 1), counts(), NOW_MS), 'OPERATION_EXPIRED')
  refused(() => operations.take(idOf(3, -WINDOW_MS - 1), counts(), NOW_MS), 'INVALID_OPERATION')
  const many = Array.from({ length: OPERATION_COUNTS_MAX + 1 }, (_, i) => ({ key: counterKey(`k${i}`), p: 1, n: 0 }))
  refused(() => operations.take(idOf(4), many, NOW_MS), 'OPERATION_TOO_LARGE')
  const long = Array.from({ length: 200 }, (_, i) => ({ key: counterKey(`${'k'.repeat(200)}${i}`), p: 1, n: 0 }))
  refused(() => operations.take(idOf(5), long, NOW_MS), 'OPERATION_TOO_LARGE')
  refused(() => operations.take(idOf(6), counts(Number.MAX_SAFE_INTEGER), NOW_MS), 'COUNTER_OVERFLOW')
  room.converge()
  assert.is(a.read(KEY), 5)
  assert.is(take(room, a, 1, 5), 'known')
})

test('a slot runs full by what its own node took, not by what others did', () => {
  const room = new RoomHarness()
  const [a, b, c] = room.start('a', 'b', 'c') as [VirtualNode, VirtualNode, VirtualNode]
  for (const node of [a, b, c]) node.live.operations.admitted()
  for (const node of [a, b, c]) node.flushSoon()
  room.until('admission', () => [a, b].every(node => node.live.operations.admitted()))
  // Nothing settles without it.
  c.crash()
  assert.is(take(room, a, 1, Number.MAX_SAFE_INTEGER), 'new')
  refused(() => a.live.operations.take(idOf(2), counts(), NOW_MS), 'COUNTER_OVERFLOW')
  room.run(1_000)
  refused(() => a.live.operations.take(idOf(2), counts(), NOW_MS), 'COUNTER_OVERFLOW')
  assert.is(take(room, b, 3, Number.MAX_SAFE_INTEGER), 'new')
  c.start()
  room.until('settling', () => a.live.room.ledger.open.size === 0 && b.live.room.ledger.open.size === 0)
  assert.is(c.live.table.valueBigInt(c.live.table.idOf(KEY)), 2n * BigInt(Number.MAX_SAFE_INTEGER))
})

test('the age of the oldest open operation is that of the one that waits longest, until all are settled', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as [VirtualNode, VirtualNode]
  const figures = () => a.live.operations.figures
  take(room, a, 1)
  room.until('settling', () => figures().known === 1 && figures().open === 0)
  assert.is(figures().oldestMs, 0)
  b.crash()
  take(room, a, 2)
  room.run(5_000)
  take(room, a, 3)
  room.run(1_000)
  const { open, oldestMs } = figures()
  assert.is(open, 2)
  assert.ok(oldestMs > 5_000 && oldestMs < 7_000, `it is ${oldestMs} ms`)
  b.start()
  room.until('settling', () => figures().open === 0)
  assert.is(figures().oldestMs, 0)
})

test('an operation may be followed anew at any moment, also when it is just about to settle', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as [VirtualNode, VirtualNode]
  for (let number = 1; number <= 20; number++) {
    take(room, a, number)
    take(room, b, number)
    for (let ms = 0; ms < 40; ms++) {
      room.run(1)
      for (const node of [a, b]) {
        node.live.operations.carryToo(idOf(number))
        node.flushSoon()
      }
    }
  }
  room.until('settling', () => [a, b].every(node => node.live.operations.figures.open === 0))
  room.converge()
  assert.equal([a.reported('LOG_FORKED'), b.reported('LOG_FORKED')], [0, 0])
  assert.equal([a.read(KEY), b.read(KEY)], [20, 20])
})

test('an operation that was forgotten is refused, also by a clock that is behind', () => {
  const room = new RoomHarness()
  const [a] = room.start('a') as [VirtualNode]
  a.wallMs = () => NOW_MS
  take(room, a, 1)
  a.wallMs = () => NOW_MS + 3 * WINDOW_MS
  room.run(2 * WINDOW_MS + 60_000)
  assert.is(operationsOf(a), 0)
  refused(() => a.live.operations.take(idOf(1), counts(), NOW_MS), 'OPERATION_EXPIRED')
  assert.is(a.live.operations.take(idOf(2, -1), counts(), NOW_MS + 1), 'new')
})

test('a node that restarts under its id goes on at once, and knows what it took', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as [VirtualNode, VirtualNode]
  take(room, a, 1)
  room.converge()
  a.crash()
  b.crash()
  a.start()
  assert.ok(a.live.operations.admitted())
  assert.is(a.live.operations.take(idOf(1), counts(), NOW_MS), 'known')
  assert.is(a.live.operations.take(idOf(2), counts(), NOW_MS), 'new')
})

test('nothing settles while a copy of a disk is away that another copy met, on no node', () => {
  const room = new RoomHarness()
  const [a, b, c] = room.start('a', 'b', 'c') as [VirtualNode, VirtualNode, VirtualNode]
  const copies = ['copy', 'other'].map(name => room.node(name, b.disk.copy())) as [VirtualNode, VirtualNode]
  for (const copy of copies) copy.start()
  room.run(1_000)
  assert.is(take(room, c, 0), 'new')
  copies[0].crash()
  room.run(1_000)
  assert.is(take(room, c, 1), 'new')
  room.run(30_000)
  const isOpen = () => [a, b, c, copies[1]].map(node => node.live.operations.isOpen(idOf(1)))
  assert.equal(isOpen(), [true, true, true, true])
  assert.equal(b.live.operations.figures.waitsFor, ['copy, a copy of this disk'])
  copies[0].start()
  room.until('settling', () => isOpen().every(open => !open))
  assert.is(room.value(KEY), 2)
})

test.run()
