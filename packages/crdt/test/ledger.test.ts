import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  absorbedUnder,
  type CounterKey,
  counterKey,
  hashCounts,
  Ledger,
  type LedgerEntry,
  operationId,
  type ReplicaId,
  replicaId,
  saidAlone,
  Table,
} from '../src/index.js'

const test = suite('ledger')
const KEY = counterKey('a')
const COUNTS = [{ key: KEY, p: 5, n: 0 }]
const X = operationId('01936b2e-7c1a-7d3e-9f57-2b8a6c4d1e0f')
const A = replicaId(1)
const B = replicaId(2)
const operation: LedgerEntry = { kind: 'operation', id: X, counts: COUNTS }
const settlement: LedgerEntry = { kind: 'settlement', number: 1, operations: [{ id: X, ...hashCounts(COUNTS) }] }
const absorbed: LedgerEntry = { kind: 'absorbed', key: KEY, p: 5, n: 0 }
const dropped: LedgerEntry = { kind: 'drop', of: { operation: X } }
const forgotten: LedgerEntry = { kind: 'drop', of: { settlement: 1 } }
const requires = (log: ReplicaId, clock: number): LedgerEntry => ({ kind: 'requires', log, clock })

/** A ledger, and what its table shows. */
class Books {
  readonly table = new Table()
  readonly frozen = new Set<ReplicaId>()
  readonly doubted = new Set<ReplicaId>()
  readonly ledger = new Ledger(
    this.table,
    log => this.frozen.has(log),
    log => this.doubted.has(log),
  )
  readonly #clocks = new Map<ReplicaId, number>()

  say(log: ReplicaId, ...entries: LedgerEntry[]): number {
    const from = this.#clocks.get(log) ?? 0
    this.#clocks.set(log, from + 1)
    this.ledger.take(log, from, from + 1, true, entries)
    return this.value
  }

  get value(): number {
    return this.valueOf(KEY)
  }

  valueOf(key: CounterKey): number {
    return this.table.value(this.table.idOf(key))
  }
}

test('an operation counts once, however many logs carry it, before and after it settles', () => {
  const books = new Books()
  assert.is(books.say(A, operation), 5)
  assert.is(books.say(B, operation), 5)
  assert.is(books.ledger.open.size, 1)
  assert.is(books.say(A, absorbed, settlement), 5)
  assert.is(books.ledger.open.size, 0)
  assert.equal(books.table.totals(books.table.idOf(KEY)), { increments: 5n, decrements: 0n })
  assert.is(books.say(B, requires(A, 2), dropped), 5)
  assert.is(books.say(A, requires(B, 2), forgotten), 5)
  assert.is(books.ledger.operations.size, 0)
  assert.is(books.table.slot(absorbedUnder(A), books.table.idOf(KEY)).p, 5)
})

test('a carrier that turns up after the settlement does not count', () => {
  const books = new Books()
  books.say(A, operation)
  books.say(A, absorbed, settlement)
  assert.is(books.say(B, operation), 5)
  assert.is(books.ledger.operations.get(X)?.counted, false)
})

test('what a damaged log told of holds at no clock, until the log comes again with all that it settled', () => {
  const books = new Books()
  books.ledger.take(A, 0, 0, true, [absorbed, settlement])
  assert.is(books.value, 5)
  const known = () => books.ledger.operations.get(X)
  assert.equal(known()?.settlers, [{ log: A, clock: Number.POSITIVE_INFINITY }])
  books.ledger.take(A, 0, 4, true, [operation, absorbed, settlement])
  assert.is(books.value, 5)
  assert.equal([known()?.settlers, known()?.carriers], [[{ log: A, clock: 4 }], []])
})

test('what is dropped waits for what it requires: no value falls', () => {
  const books = new Books()
  assert.is(books.say(B, operation), 5)
  assert.is(books.say(B, requires(A, 2), dropped), 5)
  assert.ok(books.ledger.waits)
  assert.is(books.ledger.clockOf(B), 1)
  books.ledger.take(A, 0, 2, true, [operation, absorbed, settlement])
  assert.is(books.value, 5)
  assert.not(books.ledger.waits)
  assert.is(books.ledger.clockOf(B), 2)
})

test('a later requirement does not take the place of a larger one', () => {
  const books = new Books()
  books.ledger.take(A, 0, 9, true, [])
  books.say(B, requires(A, 9))
  books.say(B, requires(A, 5))
  assert.equal([...(books.ledger.logs.get(B)?.requires ?? [])], [[A, 9]])
})

test('logs that come whole may require each other', () => {
  const books = new Books()
  books.ledger.take(B, 0, 3, true, [requires(A, 2)])
  assert.ok(books.ledger.waits)
  books.ledger.take(A, 0, 3, true, [requires(B, 3), absorbed])
  assert.is(books.value, 5)
  assert.not(books.ledger.waits)
})

test('what nobody holds any more, or a frozen log, is not required', () => {
  const lost = new Books()
  lost.ledger.take(B, 0, 2, true, [requires(A, 9), operation])
  assert.is(lost.value, 0)
  lost.ledger.drain(true)
  assert.is(lost.value, 5)
  const frozen = new Books()
  frozen.frozen.add(A)
  frozen.ledger.take(B, 0, 2, true, [requires(A, 9), operation])
  assert.is(frozen.value, 5)
})

test('a log that is held in part says nothing yet, and then all at once', () => {
  const books = new Books()
  books.say(B, operation)
  books.ledger.take(A, 0, 5, false, [absorbed])
  assert.is(books.value, 5)
  books.ledger.take(A, 5, 7, true, [settlement])
  assert.is(books.value, 5)
  assert.is(books.ledger.operations.get(X)?.settlers.length, 1)
})

test('what is held in part of a log that is frozen never acts, and nothing waits for it', () => {
  const books = new Books()
  books.ledger.take(A, 0, 5, false, [absorbed, operation])
  assert.ok(books.ledger.waits)
  books.frozen.add(A)
  books.ledger.freeze(A)
  assert.not(books.ledger.waits)
  assert.is(books.value, 0)
  books.say(B, operation)
  books.ledger.freeze(B)
  assert.is(books.value, 5)
})

test('a log that comes anew takes back what it says no longer', () => {
  const books = new Books()
  books.say(A, operation)
  assert.is(books.value, 5)
  books.ledger.take(A, 0, 4, true, [])
  assert.is(books.value, 0)
  assert.is(books.ledger.operations.size, 0)
})

test('what only a frozen log says is for others to carry, and does not act twice', () => {
  const books = new Books()
  books.say(A, operation)
  books.frozen.add(A)
  assert.equal([...saidAlone(books.ledger, A)], [operation])
  books.say(B, operation)
  assert.equal([...saidAlone(books.ledger, A)], [])
  books.ledger.void(A)
  assert.is(books.value, 5)
  assert.equal(
    books.ledger.operations.get(X)?.carriers.map(({ log }) => log),
    [B],
  )
})

test('a floor takes operations from a frozen log only where it is doubted', () => {
  const books = new Books()
  const untimed: LedgerEntry = { ...operation, id: operationId('6f1d2c3b-4a59-4e68-8f70-1a2b3c4d5e6f') }
  books.say(A, operation, untimed)
  books.say(B, { kind: 'floor', timeMs: 2_000_000_000_000 })
  books.frozen.add(A)
  assert.equal([...saidAlone(books.ledger, A)], [operation, untimed])
  books.doubted.add(A)
  assert.equal([...saidAlone(books.ledger, A)], [untimed])
})

test('totals stay exact beside slots past 2^53', () => {
  const books = new Books()
  const id = books.table.idOf(KEY)
  books.table.merge(A, id, Number.MAX_SAFE_INTEGER, 0)
  books.say(B, operation)
  assert.is(books.table.valueBigInt(id), BigInt(Number.MAX_SAFE_INTEGER) + 5n)
})

test('of a log of which more was read than came again nothing acts before it came as far', () => {
  const damaged = () => {
    const books = new Books()
    // What could be read: the total that it absorbed, and not the settlement before that.
    books.ledger.take(A, 0, 0, true, [absorbed])
    books.ledger.staging.awaits(A, 4)
    books.ledger.take(A, 0, 2, true, [operation])
    assert.is(books.value, 5, 'it counts in what was absorbed')
    assert.ok(books.ledger.waits)
    return books
  }
  const { ledger } = damaged()
  ledger.take(A, 2, 4, true, [absorbed, settlement])
  assert.equal([ledger.waits, ledger.clockOf(A), ledger.operations.get(X)?.counted], [false, 4, false])
  const forced = damaged()
  forced.ledger.drain(true)
  assert.equal([forced.ledger.waits, forced.ledger.clockOf(A)], [false, 2], 'nobody has the rest')
  forced.ledger.take(A, 2, 3, true, [])
  assert.is(forced.ledger.clockOf(A), 3)
  const frozen = damaged()
  frozen.frozen.add(A)
  frozen.ledger.freeze(A)
  frozen.ledger.drain(true)
  assert.equal([frozen.value, frozen.ledger.waits], [5, false])
})

test('a log that begins anew acts once it is as far as it acted before', () => {
  const books = new Books()
  books.say(A, operation)
  books.say(A, absorbed, settlement)
  // A peer that holds less of it sent what was dropped here.
  books.ledger.take(A, 0, 1, true, [operation])
  assert.equal([books.value, books.ledger.clockOf(A)], [5, 2])
  books.ledger.take(A, 1, 2, true, [absorbed, settlement])
  assert.equal([books.value, books.ledger.clockOf(A), books.ledger.waits], [5, 2, false])
})

test.run()
