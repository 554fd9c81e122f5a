import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Ledger } from '#demo/ledger.js'

const ledger = suite('the books of the demo')

ledger('sums what was acknowledged and what stays open, by counter', () => {
  const books = new Ledger()
  books.acknowledge(['b', 'a'])
  books.acknowledge(['a'])
  books.leaveOpen({ id: '1', keys: ['a', 'c'], why: 'INDETERMINATE' })
  books.refuse()
  assert.equal(books.rows(), [
    ['a', { acknowledged: 2, open: 1 }],
    ['b', { acknowledged: 1, open: 0 }],
    ['c', { acknowledged: 0, open: 1 }],
  ])
  assert.equal([books.acknowledged, books.refused, books.open.length], [2, 1, 1])
})

ledger('rows are copies', () => {
  const books = new Ledger()
  books.acknowledge(['a'])
  const before = books.rows()
  books.acknowledge(['a'])
  assert.equal(before, [['a', { acknowledged: 1, open: 0 }]])
})

ledger.run()
