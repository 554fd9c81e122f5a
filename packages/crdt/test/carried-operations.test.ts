import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CarriedOperations } from '../src/carried-operations.js'
import { newOperation, type Operation } from '../src/operation.js'
import { operationId } from '../src/operation-id.js'

const test = suite('carried operations')

function operation(number: number): Operation {
  return newOperation(operationId(number.toString(16).padStart(32, '0')), [], undefined)
}

test('it is the set of what was added and not deleted, in the order of the additions', () => {
  const anyStep = fc.record({ number: fc.nat(40), run: fc.nat(30) })
  fc.assert(
    fc.property(fc.array(anyStep, { size: 'max', maxLength: 200 }), steps => {
      const all = Array.from({ length: 80 }, (_, i) => operation(i))
      const carried = new CarriedOperations()
      const twin = new Set<Operation>()
      for (const { number, run } of steps) {
        for (const one of all.slice(number, number + run)) {
          if (twin.delete(one)) carried.delete(one)
          else {
            twin.add(one)
            carried.add(one)
          }
        }
        assert.is(carried.size, twin.size)
        assert.equal([...carried], [...twin])
      }
    }),
    { numRuns: 50 },
  )
})

test('thousands that end in any order leave the rest in theirs', () => {
  const carried = new CarriedOperations()
  const all = Array.from({ length: 10_000 }, (_, i) => operation(i))
  for (const one of all) carried.add(one)
  for (const [i, one] of all.entries()) if (i % 3 === 0 || i < 2_000) carried.delete(one)
  const left = all.filter((_, i) => i % 3 !== 0 && i >= 2_000)
  assert.is(carried.size, left.length)
  assert.ok([...carried].every((one, i) => one === left[i]))
  // One that comes again stands last.
  carried.add(all[0] as Operation)
  assert.is([...carried].at(-1), all[0])
  assert.is(carried.size, left.length + 1)
})

test.run()
