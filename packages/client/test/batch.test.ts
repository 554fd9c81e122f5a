import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Batch, BODY_SIZE } from '../src/batch.js'

const test = suite('batch')
const MAX = Number.MAX_SAFE_INTEGER

test('sums increments and decrements of a key, each by itself', () => {
  const batch = new Batch(10, BODY_SIZE)
  for (const [key, amount] of [
    ['a', 5],
    ['a', -5],
    ['b', 1],
    ['a', 2],
    ['c', -3],
  ] as const)
    batch.add(key, amount, true)
  assert.equal(batch.entries, [
    { key: 'a', add: 7 },
    { key: 'a', add: -5 },
    { key: 'b', add: 1 },
    { key: 'c', add: -3 },
  ])
})

test('takes no sum that is no exact number, no key too many, and no text too long', () => {
  const batch = new Batch(2, BODY_SIZE)
  assert.ok(batch.add('a', MAX, true))
  assert.is(batch.add('a', 1, true), undefined)
  assert.ok(batch.add('a', -MAX, true))
  assert.is(batch.add('a', -1, true), undefined)
  assert.is(batch.add('b', 1, false), undefined)
  assert.ok(batch.add('b', 1, true))
  assert.ok(batch.add('b', 1, false))
  assert.is(batch.add('c', 1, true), undefined)
  const long = new Batch(10, { ...BODY_SIZE, max: 1_000 })
  assert.ok(long.add('x'.repeat(2_000), 1, true), 'the first always fits')
  assert.is(long.add('y', 1, true), undefined)
})

test('what was withdrawn is not sent', () => {
  const batch = new Batch(10, BODY_SIZE)
  batch.add('a', 5, true)
  batch.add('a', 3, true)
  batch.add('b', -1, true)
  batch.withdraw('a', 5)
  batch.withdraw('b', -1)
  batch.withdraw('c', 1)
  assert.equal(batch.entries, [{ key: 'a', add: 3 }])
})

test('settles the adds of some keys only', async () => {
  const batch = new Batch(10, BODY_SIZE)
  const [a, same, b] = [batch.add('a', 5, true), batch.add('a', -1, true), batch.add('b', 1, true)]
  assert.is(a, same)
  const [first, second, third] = batch.entries
  batch.resolve([first, second] as never, [
    { key: 'a', value: 4 },
    { key: 'a', value: 4 },
  ])
  batch.reject([third] as never, new Error('no'))
  assert.equal(await a, { key: 'a', value: 4 })
  assert.is(await b?.catch((error: Error) => error.message), 'no')
})

test.run()
