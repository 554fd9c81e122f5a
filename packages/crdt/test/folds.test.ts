import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  absorbedUnder,
  counterKey,
  Ledger,
  type LedgerEntry,
  operationId,
  type ReplicaId,
  replicaId,
  saidAlone,
  Table,
} from '../src/index.js'

const test = suite('folds')
const KEY = counterKey('a')
const A = replicaId(1)
const B = replicaId(2)
const C = replicaId(3)
const X = operationId('01936b2e-7c1a-7d3e-9f57-2b8a6c4d1e0f')
const absorbed = (p: number): LedgerEntry => ({ kind: 'absorbed', key: KEY, p, n: 0 })
const fold = (replica: ReplicaId, p: number, number = 1): LedgerEntry => ({
  ...{ kind: 'fold', replica, number },
  slots: [{ key: KEY, p, n: 0 }],
})
const fence = (...ids: ReplicaId[]): LedgerEntry => ({ kind: 'fence', number: 0, ids })
const requires = (log: ReplicaId, clock: number): LedgerEntry => ({ kind: 'requires', log, clock })

/** A ledger, and what its table shows. */
class Books {
  readonly table = new Table()
  readonly ledger = new Ledger(this.table, () => false)
  readonly #clocks = new Map<ReplicaId, number>()

  say(log: ReplicaId, ...entries: LedgerEntry[]): number {
    const from = this.#clocks.get(log) ?? 0
    this.#clocks.set(log, from + 1)
    this.ledger.take(log, from, from + 1, true, entries)
    return this.value
  }

  count(replica: ReplicaId, p: number): number {
    this.table.merge(replica, this.table.idOf(KEY), p, 0)
    return this.value
  }

  get value(): number {
    return this.table.value(this.table.idOf(KEY))
  }
}

test('a fold moves a slot: no total changes, whoever has how much of it', () => {
  for (const known of [0, 3, 10]) {
    const books = new Books()
    books.count(A, known)
    assert.is(books.say(B, absorbed(10), fold(A, 10)), 10)
    assert.is(books.count(A, 10), 10)
    assert.equal(books.table.totals(books.table.idOf(KEY)), { increments: 10n, decrements: 0n })
  }
})

test('what turns up beyond a fold counts, until the fence', () => {
  const books = new Books()
  books.say(A)
  books.count(A, 10)
  books.say(B, absorbed(10), fold(A, 10))
  assert.is(books.count(A, 14), 14)
  assert.is(books.say(B, absorbed(14), fold(A, 14, 2)), 14)
  assert.is(books.say(B, fence(A)), 14)
  assert.is(books.count(A, 20), 14)
  assert.equal(books.ledger.takeFenced(), [A])
  assert.not([...books.table.replicas()].includes(A))
  assert.is(books.ledger.folds.fences, 1)
})

test('what two logs tell of one fold is taken once', () => {
  const books = new Books()
  books.count(A, 10)
  books.say(B, absorbed(10), fold(A, 10))
  assert.is(books.say(C, fold(A, 10, 7)), 10)
})

test('a snapshot holds of a slot what is not folded', () => {
  const books = new Books()
  books.count(A, 14)
  books.say(B, absorbed(10), fold(A, 10))
  const snapshot = books.table.snapshot()
  for (const _ of snapshot.order());
  assert.equal(
    [...snapshot].map(({ replica, p }) => [replica, p]).sort(),
    [
      [A, 4],
      [absorbedUnder(B), 10],
    ].sort(),
  )
})

test('a fence ends what the id said of operations, and what waited for it acts', () => {
  const books = new Books()
  const operation: LedgerEntry = { kind: 'operation', id: X, counts: [{ key: KEY, p: 5, n: 0 }] }
  books.say(A, operation)
  assert.is(books.say(B, operation), 5)
  assert.is(books.say(C, requires(A, 9), absorbed(1)), 5)
  assert.ok(books.ledger.waits)
  assert.is(books.say(B, fence(A)), 6)
  assert.not(books.ledger.waits)
  assert.equal(
    books.ledger.operations.get(X)?.carriers.map(({ log }) => log),
    [B],
  )
})

test('what a log held that is folded whole, holds where that is said', () => {
  const books = new Books()
  const { folds } = books.ledger
  assert.equal(folds.since({ log: A, clock: 4 }), { log: A, clock: 4 })
  books.say(B)
  books.say(B, fence(A))
  assert.equal(folds.since({ log: A, clock: 4 }), { log: B, clock: 2 })
})

test('a fence ends what acts with it', () => {
  const { ledger, table } = new Books()
  const operation: LedgerEntry = { kind: 'operation', id: X, counts: [{ key: KEY, p: 5, n: 0 }] }
  ledger.take(B, 0, 1, true, [requires(C, 1), fence(A), operation])
  ledger.take(A, 0, 1, true, [requires(C, 1), operation])
  ledger.take(C, 0, 1, true, [])
  assert.equal(
    ledger.operations.get(X)?.carriers.map(({ log }) => log),
    [B],
  )
  assert.not(ledger.logs.has(A))
  assert.is(table.value(table.idOf(KEY)), 5)
})

test('a log that comes whole may require the log that it fences', () => {
  const books = new Books()
  books.count(A, 10)
  assert.is(books.say(B, requires(A, 4), absorbed(10), fence(A)), 10)
  assert.not(books.ledger.waits)
  assert.ok(books.table.isRemoved(A))
})

test('claims are known by whom they are, and fall with what they claim', () => {
  const { ledger } = new Books()
  ledger.take(B, 0, 1, true, [{ kind: 'claim', replica: A }])
  ledger.take(C, 0, 1, true, [{ kind: 'claim', replica: A }])
  assert.equal([...ledger.folds.claimsOf(A)].map(({ log }) => log).sort(), [B, C])
  ledger.take(C, 1, 2, true, [{ kind: 'drop', of: { claim: A } }])
  assert.equal([...ledger.folds.claimed()], [A])
  ledger.take(B, 1, 2, true, [fence(A), { kind: 'drop', of: { claim: A } }])
  assert.equal([...ledger.folds.claimed()], [])
})

test('the next claimant carries folds that last, and all fences', () => {
  const books = new Books()
  books.count(A, 3)
  books.say(B, absorbed(3), fold(A, 3), fence(C))
  const said = [...saidAlone(books.ledger, B)]
  assert.equal(said.map(({ kind }) => kind).sort(), ['fence', 'fold'])
  books.say(replicaId(9), ...said)
  assert.equal([...saidAlone(books.ledger, B)], [])
  assert.is(books.value, 3)
})

test.run()
