import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RowIndex, roomFor } from '../src/row-index.js'

const test = suite('row-index')

test('it finds the rows that a Map finds', () => {
  const anyId = fc.oneof(
    fc.nat(50),
    fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    fc.nat(100).map(n => n * 2 ** 16),
  )
  fc.assert(
    fc.property(fc.array(anyId, { maxLength: 200, size: 'max' }), ids => {
      const index = new RowIndex()
      const twin = new Map<number, number>()
      for (const id of ids) {
        assert.is(index.find(id), twin.get(id) ?? -1)
        if (twin.has(id)) continue
        assert.is(index.add(id), twin.size)
        twin.set(id, twin.size)
      }
      assert.is(index.size, twin.size)
      for (const [id, row] of twin) {
        assert.is(index.find(id), row)
        assert.is(index.id(row), id)
      }
    }),
  )
})

test('a hundred thousand ids are found', () => {
  const index = new RowIndex()
  for (let id = 0; id < 100_000; id++) index.add(id * 3)
  for (let id = 0; id < 300_000; id++) assert.is(index.find(id), id % 3 === 0 ? id / 3 : -1)
})

test('a column grows by doubling and keeps its content and kind', () => {
  const column = Float64Array.of(1, 2, 3)
  assert.is(roomFor(column, 2), column)
  const longer = roomFor(column, 3)
  assert.is(longer.length, 8)
  assert.equal([...longer.subarray(0, 4)], [1, 2, 3, 0])
  assert.instance(roomFor(new Uint32Array(10), 10), Uint32Array)
  assert.is(roomFor(new Uint32Array(10), 10).length, 20)
})

test.run()
