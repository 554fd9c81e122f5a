import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ChangedKeys } from '../src/changed-keys.js'

const test = suite('changed-keys')

test('each id is taken once for all changes since the last time, in the order of the first', () => {
  const anyRounds = fc.array(fc.array(fc.nat(40), { maxLength: 30 }), { maxLength: 8 })
  fc.assert(
    fc.property(anyRounds, rounds => {
      const changed = new ChangedKeys()
      for (const ids of rounds) {
        for (const id of ids) changed.add(id)
        assert.equal(changed.take(), [...new Set(ids)])
      }
      assert.equal(changed.take(), [])
    }),
  )
})

test('what was taken stays as it was', () => {
  const changed = new ChangedKeys()
  changed.add(1)
  const taken = changed.take()
  changed.add(2_000_000)
  changed.add(1)
  assert.equal([taken, changed.take()], [[1], [2_000_000, 1]])
})

test.run()
