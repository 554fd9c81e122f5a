import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { IdSet } from '../src/id-set.js'
import type { ReplicaId } from '../src/ids.js'

const test = suite('id set')

const anyId = fc.oneof(
  fc.integer({ min: 1, max: 50 }),
  fc.integer({ min: 1, max: 2 ** 53 - 1 }),
) as fc.Arbitrary<ReplicaId>

test('holds what a set holds', () => {
  fc.assert(
    fc.property(fc.array(anyId, { maxLength: 200 }), fc.array(anyId, { maxLength: 20 }), (ids, others) => {
      const set = new IdSet()
      const known = new Set<ReplicaId>()
      for (const id of ids) {
        assert.is(set.add(id), !known.has(id))
        known.add(id)
        assert.is(set.size, known.size)
      }
      for (const id of [...ids, ...others]) assert.is(set.has(id), known.has(id))
    }),
  )
})

test.run()
