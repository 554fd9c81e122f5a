import { Ledger, type LedgerEntry, operationId, replicaId, Table } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SettlementAges } from '../src/settlement-ages.js'

const test = suite('settlement-ages')
const LOG = replicaId(7)

function settlement(number: number): LedgerEntry {
  const id = operationId(number.toString(16).padStart(32, '0'))
  return { kind: 'settlement', number, operations: [{ id, lo: 1, hi: 2 }] }
}

test('settlements become old in their order, once, and go when they are forgotten', () => {
  const ledger = new Ledger(new Table(), () => false)
  const ages = new SettlementAges(ledger)
  const numbers = (nowMs: number) => ages.old(nowMs, 100).map(({ entry }) => entry.number)
  for (let number = 0; number < 3_000; number++) {
    ledger.take(LOG, number, number + 1, true, [settlement(number)])
    assert.equal(numbers(number / 100), [])
  }
  assert.equal(numbers(110).length, 1_000)
  assert.equal(numbers(110).slice(0, 3), [0, 1, 2])
  for (let number = 0; number < 1_000; number++) ledger.forget(LOG, number)
  assert.equal(numbers(110.01), [1_000])
  assert.is(numbers(1_000).length, 2_000)
  assert.equal(
    ages
      .old(1_000, 100)
      .map(({ sinceMs }) => sinceMs)
      .slice(-1),
    [110],
  )
})

test('what came between two ticks is as old as the later one says', () => {
  const ledger = new Ledger(new Table(), () => false)
  const ages = new SettlementAges(ledger)
  const numbers = (nowMs: number) => ages.old(nowMs, 600).map(({ entry }) => entry.number)
  numbers(9_246)
  ledger.take(LOG, 0, 1, true, [settlement(1)])
  assert.equal(numbers(9_246), [])
  assert.equal(numbers(10_016), [], 'it may have come just before')
  assert.equal(numbers(10_786), [1])
})

test.run()
