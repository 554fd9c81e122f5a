import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Ledger } from '#demo/ledger.js'

const ledger = suite('the books of the demo')

ledger('sums what was acknowledged and what is in doubt, by counter', () => {
  const books = new Ledger()
  books.acknowledge(['b', 'a'])
  books.acknowledge(['a'])
  books.doubt(['a', 'c'])
  assert.equal(books.rows(), [
    ['a', { acknowledged: 2, indeterminate: 1 }],
    ['b', { acknowledged: 1, indeterminate: 0 }],
    ['c', { acknowledged: 0, indeterminate: 1 }],
  ])
  assert.equal([books.acknowledgedRequests, books.indeterminateRequests], [2, 1])
})

ledger('a lost disk puts in doubt what only it had, and no more', () => {
  const books = new Ledger()
  books.acknowledge(['a'], 'api-1')
  books.settled()
  books.acknowledge(['a', 'b'], 'api-1')
  books.acknowledge(['a'], 'api-2')
  books.acknowledge(['a'])
  assert.equal([books.requestsOn('api-1'), books.requestsOn('api-3')], [1, 0])
  assert.is(books.diskLost('api-1'), 1)
  assert.is(books.diskLost('api-1'), 0)
  books.acknowledge(['a'], 'api-1')
  assert.equal(books.rows(), [
    ['a', { acknowledged: 4, indeterminate: 1 }],
    ['b', { acknowledged: 0, indeterminate: 1 }],
  ])
  assert.equal([books.oneDiskRequests, books.exceptedRequests, books.requestsOn('api-1')], [4, 1, 1])
})

ledger('rows are copies', () => {
  const books = new Ledger()
  books.acknowledge(['a'])
  const before = books.rows()
  books.acknowledge(['a'])
  assert.equal(before, [['a', { acknowledged: 1, indeterminate: 0 }]])
})

ledger.run()
