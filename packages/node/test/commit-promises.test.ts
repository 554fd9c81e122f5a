import { TallymeshError } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CommitPromises } from '../src/commit-promises.js'
import { isPending, refusal } from './wait.js'

const commitPromises = suite('commit-promises')
const LOST = new TallymeshError('INDETERMINATE', 'lost')

commitPromises('share one promise for each commit, and resolve them in order', async () => {
  const promises = new CommitPromises(() => {})
  const first = promises.of(1)
  assert.is(promises.of(1), first)
  const second = promises.of(2)
  assert.is.not(second, first)
  promises.acknowledge(1, 2)
  await first
  assert.ok(await isPending(second))
  assert.is(promises.of(2), second)
  promises.acknowledge(2, 3)
  await second
  assert.is(promises.acknowledged, 2)
  assert.ok(await isPending(promises.of(3)))
})

commitPromises('fail what a failed disk was given, and keep what it was not', async () => {
  const promises = new CommitPromises(() => {})
  const written = promises.of(1)
  const pending = promises.of(2)
  promises.failBefore(2, LOST)
  assert.is(await refusal('the written commit is given up', written), LOST)
  assert.ok(await isPending(pending))
  promises.acknowledge(2, 3)
  await pending
})

commitPromises('fail a commit that was formed and that nothing followed', async () => {
  const promises = new CommitPromises(() => {})
  const written = promises.of(1)
  promises.failBefore(2, LOST)
  assert.is(await refusal('the written commit is given up', written), LOST)
  const open = promises.of(2)
  promises.failOpen(LOST)
  assert.is(await refusal('the open commit is given up', open), LOST)
})

commitPromises.run()
