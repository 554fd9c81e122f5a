import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Latest } from '../src/latest.js'

const test = suite('latest')

test('a reader gets the latest value, and waits for the next', async () => {
  const latest = new Latest<number>()
  latest.put(1)
  latest.put(2)
  assert.equal(await latest.take(), { value: 2 })
  const next = latest.take()
  latest.put(3)
  assert.equal(await next, { value: 3 })
})

test('the end comes after the last value, the first end counts', async () => {
  const latest = new Latest<number>()
  latest.put(1)
  latest.end()
  latest.end(new Error('too late'))
  assert.equal(await latest.take(), { value: 1 })
  assert.is(await latest.take(), undefined)
  assert.is(await latest.take(), undefined)
})

test('a failure wakes the reader', async () => {
  const latest = new Latest<number>()
  const next = latest.take().catch((error: Error) => error.message)
  latest.end(new Error('broken'))
  assert.is(await next, 'broken')
})

test.run()
