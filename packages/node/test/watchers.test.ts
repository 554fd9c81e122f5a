import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Watchers } from '../src/watchers.js'
import { isPending, within } from './wait.js'

const watchers = suite('watchers')

watchers('tell the value at once, and then each change', async () => {
  const all = new Watchers()
  let value = 5
  const values = all.watch('k', () => value)
  assert.ok(all.idle)
  assert.equal(await values.next(), { value: 5, done: false })
  const next = values.next()
  assert.ok(await isPending(next))
  assert.not(all.idle)
  value = 6
  all.changed('other')
  assert.ok(await isPending(next))
  all.changed('k')
  assert.equal(await next, { value: 6, done: false })
  await values.return()
  assert.ok(all.idle)
})

watchers('give slow readers the newest value, and none twice', async () => {
  const all = new Watchers()
  let value = 0
  const values = all.watch('k', () => value)
  await values.next()
  for (value = 1; value < 100; value++) all.changed('k')
  all.changed('k')
  assert.equal(await values.next(), { value: 100, done: false })
  const next = values.next()
  all.changed('k')
  assert.ok(await isPending(next), 'the value did not change')
  value = 101
  all.wake()
  assert.equal(await next, { value: 101, done: false })
  await values.return()
})

watchers('leave nothing behind after a break', async () => {
  const all = new Watchers()
  const other = all.watch('k', () => 1)
  await other.next()
  for await (const value of all.watch('k', () => 3)) {
    assert.is(value, 3)
    break
  }
  assert.not(all.idle, 'the other loop still watches')
  await other.return()
  assert.ok(all.idle)
})

watchers('end by return while a value is waited for', async () => {
  const all = new Watchers()
  const values = all.watch('k', () => 1)
  await values.next()
  const next = values.next()
  assert.ok(await isPending(next))
  assert.is((await within('return ends the loop', values.return())).done, true)
  assert.is((await within('the wait ends', next)).done, true)
  assert.ok(all.idle)
})

watchers('end when the node closes, waiting or not', async () => {
  const all = new Watchers()
  const waiting = all.watch('k', () => 1)
  await waiting.next()
  const next = waiting.next()
  await isPending(next)
  const reading = all.watch('k', () => 2)
  await reading.next()
  all.close()
  assert.is((await within('the waiting loop ends', next)).done, true)
  assert.is((await reading.next()).done, true)
  assert.is((await all.watch('k', () => 3).next()).done, true)
  assert.ok(all.idle)
})

watchers('pass on what reading throws, and end', async () => {
  const all = new Watchers()
  const values = all.watch('k', () => {
    throw new RangeError('too large')
  })
  let thrown: unknown
  await values.next().catch(error => {
    thrown = error
  })
  assert.instance(thrown, RangeError)
  assert.ok(all.idle)
})

watchers.run()
