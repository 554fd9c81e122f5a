import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { IdentityMap } from '../src/identity-map.js'
import { operationId } from '../src/operation-id.js'

const test = suite('identity map')

/** The ids of operations of some seconds, and other identities. */
function identities(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    if (i % 10 === 0) return `\u0001${i}\u0001key`
    const ms = (0x18f_0000_0000 + i * 3).toString(16).padStart(12, '0')
    return operationId(`${ms}7${(i % 4_096).toString(16).padStart(3, '0')}${'8'.padEnd(16, '0')}`)
  })
}

test('it is a map, however many it holds', () => {
  const anyStep = fc.record({ from: fc.nat(9_000), length: fc.nat(3_000), deletes: fc.boolean() })
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 12 }), steps => {
      const all = identities(12_000)
      const map = new IdentityMap<string, number>()
      const twin = new Map<string, number>()
      const check = () => {
        assert.is(map.size, twin.size)
        for (const identity of all) {
          assert.is(map.get(identity), twin.get(identity))
          assert.is(map.has(identity), twin.has(identity))
        }
        const entries = [...map]
        assert.is(entries.length, twin.size)
        for (const [identity, value] of entries) assert.is(value, twin.get(identity))
      }
      for (const [i, { from, length, deletes }] of steps.entries()) {
        for (const identity of all.slice(from, from + length)) {
          if (deletes) {
            map.delete(identity)
            twin.delete(identity)
          } else {
            map.set(identity, i)
            twin.set(identity, i)
          }
        }
        check()
      }
      for (const identity of all) {
        map.delete(identity)
        twin.delete(identity)
      }
      check()
      map.set('again', 1)
      assert.is(map.get('again'), 1)
    }),
    { numRuns: 30 },
  )
})

test.run()
