import { TallymeshError } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CommitPromise } from '../src/commit-promise.js'
import { inLab } from './lab.js'
import { refusal, turn } from './wait.js'

const commitPromise = suite('commit-promise')

commitPromise('resolves for all who share it', async () => {
  const shared = new CommitPromise(7, () => {})
  assert.is(shared.commit, 7)
  shared.resolve()
  await Promise.all([shared.promise, shared.promise])
})

commitPromise(
  'is no unhandled rejection where nobody waits, and a rejection where somebody does',
  inLab(async () => {
    const shared = new CommitPromise(1, () => {})
    shared.reject(new TallymeshError('INDETERMINATE', 'lost'))
    assert.is((await refusal('the promise is rejected', shared.promise)).code, 'INDETERMINATE')
    new CommitPromise(2, () => {}).reject(new Error('nobody hears'))
  }),
)

commitPromise('tells that somebody waits, however that is done, and not before', async () => {
  const awaited: number[] = []
  const shared = new CommitPromise(7, commit => awaited.push(commit))
  assert.ok((shared.promise as unknown) instanceof Promise)
  assert.equal(awaited, [])
  const wait = async () => shared.promise
  const waiting = [wait(), Promise.all([shared.promise]), shared.promise.then(() => {}), shared.promise.catch(() => {})]
  waiting.push(shared.promise.finally(() => {}))
  await turn()
  assert.equal(awaited, [7, 7, 7, 7, 7])
  shared.resolve()
  await Promise.all(waiting)
})

commitPromise.run()
