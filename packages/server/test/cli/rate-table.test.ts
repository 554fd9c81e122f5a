import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RateTable } from '../../src/cli/rate-table.js'

const rates = suite('rate table')
const counter = (key: string, increments: number | bigint, decrements: number) => ({
  key,
  value: 7,
  increments,
  decrements,
})

rates('makes rates of two samples, the busiest first', () => {
  const table = new RateTable()
  table.sample([counter('a', 10, 0), counter('b', 5, 1), counter('c', 0, 0)], 1_000)
  assert.is(table.total, 0)
  table.sample([counter('a', 12, 0), counter('b', 25, 11), counter('c', 0, 0), counter('d', 9, 9)], 3_000)
  assert.equal(table.busiest(3), [
    { key: 'b', value: 7, up: 10, down: 5 },
    { key: 'a', value: 7, up: 1, down: 0 },
    { key: 'c', value: 7, up: 0, down: 0 },
  ])
  assert.is(table.size, 4)
  assert.is(table.total, 16)
})

rates('are never negative, and hold beyond 2^53', () => {
  const table = new RateTable()
  table.sample([counter('a', 2n ** 60n, 5)], 0)
  table.sample([counter('a', 2n ** 60n + 4096n, 4)], 1_000)
  assert.equal(table.busiest(1), [{ key: 'a', value: 7, up: 4096, down: 0 }])
  table.sample([counter('a', 1, 1)], 1_000)
  assert.is(table.total, 0)
})

rates.run()
