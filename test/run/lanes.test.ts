import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { TestFile } from './find-tests.js'
import { FileQueue } from './lanes.js'

function file(source: string, deadlineMs = 120_000): TestFile {
  return { source, compiled: source, deadlineMs, group: source.split('/')[0] as string }
}

test('long files come first', () => {
  const queue = new FileQueue([file('a/1'), file('b/1', 300_000), file('a/2', 600_000)])
  assert.is(queue.take(undefined)?.source, 'a/2')
  assert.is(queue.take('a')?.source, 'b/1')
  assert.is(queue.take('b')?.source, 'a/1')
  assert.is(queue.take('a'), undefined)
})

test('a lane keeps to a group, and begins one where no other lane is', () => {
  const queue = new FileQueue(['a/1', 'a/2', 'a/3', 'b/1', 'b/2', 'c/1'].map(source => file(source)))
  assert.is(queue.take(undefined)?.source, 'a/1')
  assert.is(queue.take(undefined)?.source, 'b/1')
  assert.is(queue.take('a')?.source, 'a/2')
  assert.is(queue.take('b')?.source, 'b/2')
  assert.is(queue.take('b')?.source, 'c/1')
  assert.is(queue.take('c')?.source, 'a/3', 'no group is left without a lane: it helps')
  assert.is(queue.take('a'), undefined)
})

test.run()
