import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WideSum } from '../src/wide-sum.js'

const test = suite('wide sum')

test('is exact beyond safe integers, and comes back to zero', () => {
  fc.assert(
    fc.property(fc.array(fc.maxSafeInteger(), { maxLength: 40 }), amounts => {
      const sum = new WideSum()
      for (const amount of amounts) sum.add(amount)
      const exact = amounts.reduce((total, amount) => total + BigInt(amount), 0n)
      assert.is(sum.exact, exact)
      assert.is(sum.rounded, Number(exact))
      assert.is(sum.isZero, exact === 0n)
      for (const amount of amounts) sum.add(-amount)
      assert.ok(sum.isZero)
    }),
  )
})

test.run()
