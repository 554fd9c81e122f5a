import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkAmount, checkSignedAmount } from '../src/index.js'
import { throwsCode } from './samples.js'

const test = suite('amount')

test('integers from 1 to 2^53 - 1 are amounts', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), n => {
      assert.is(checkAmount(n || 1), n || 1)
    }),
  )
  assert.is(checkAmount(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
})

test('everything else is refused, and named', () => {
  const refused = (amount: unknown) => throwsCode(() => checkAmount(amount), 'INVALID_AMOUNT').message
  for (const amount of [0, -0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    assert.match(refused(amount), `got ${amount} (number)`)
  }
  assert.match(refused('5'), 'got "5" (string)')
  assert.match(refused(5n), 'got 5 (bigint)')
  assert.match(refused(null), 'got null (object)')
  assert.match(refused(undefined), 'got undefined')
  assert.match(refused(true), 'got true (boolean)')
  assert.match(refused(Symbol('x')), 'got Symbol(x) (symbol)')
  assert.match(refused(Object.create(null)), 'got {} (object)')
  assert.match(refused([5]), '(object)')
})

test('amounts to add may be negative, and never 0', () => {
  for (const amount of [1, -1, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER]) {
    assert.is(checkSignedAmount(amount), amount)
  }
  for (const amount of [0, -0, 1.5, Number.NaN, -(2 ** 53), 2 ** 53, '1', 1n, null, undefined, {}]) {
    throwsCode(() => checkSignedAmount(amount), 'INVALID_AMOUNT')
  }
})

test.run()
