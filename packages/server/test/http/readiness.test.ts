import { TallymeshError } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Readiness, type ReadinessView } from '../../src/http/readiness.js'

const test = suite('readiness')

function view(changes: Partial<ReadinessView> & { behind?: number } = {}): ReadinessView {
  const { behind = 0, ...rest } = changes
  return { status: 'ready', refusal: undefined, caughtUp: true, alone: false, stats: { behind }, ...rest }
}

function reasonOf(node: ReadinessView | undefined, nowMs = 0): string | undefined {
  const readiness = new Readiness({ joinTimeoutMs: 1_000, readyBehindMax: 10 })
  if (node) readiness.opened(node, 0)
  return readiness.verdict(nowMs)?.reason
}

function refusal(cause?: TallymeshError): TallymeshError {
  return new TallymeshError('NOT_READY', 'the node waits for its disk', cause ? { cause } : {})
}

test('says why a node gets no traffic', () => {
  assert.is(reasonOf(undefined), 'opening')
  assert.is(reasonOf(view()), undefined)
  assert.is(reasonOf(view({ behind: 10 })), undefined)
  assert.is(reasonOf(view({ behind: 11 })), 'lagging')
  assert.is(reasonOf(view({ status: 'opening', refusal: refusal() })), 'store')
  assert.is(reasonOf(view({ status: 'failed', refusal: refusal() })), 'failed')
  assert.is(reasonOf(view({ status: 'failed' })), 'failed')
  const contested = new TallymeshError('IDENTITY_CONTESTED', 'somebody else uses this identity')
  assert.is(reasonOf(view({ status: 'failed', refusal: refusal(contested) })), 'contested')
  assert.is(reasonOf(view({ status: 'draining' })), 'draining')
  assert.is(reasonOf(view({ status: 'closed' })), 'draining')
})

test('shows no path to strangers', () => {
  const cause = new TallymeshError('STORE_WRITE_FAILED', 'a write to /var/lib/t failed: No space left on device')
  const refusal = new TallymeshError('NOT_READY', `it waits; nothing was counted. It said: ${cause.message}`, { cause })
  const readiness = new Readiness({ joinTimeoutMs: 1_000, readyBehindMax: 10 })
  readiness.opened(view({ status: 'opening', refusal }), 0)
  assert.is(readiness.verdict(0)?.detail, 'it waits. It said: ENOSPC: the disk is full')
})

test('waits for a node to catch up, but not for ever', () => {
  assert.is(reasonOf(view({ caughtUp: false }), 999), 'catching-up')
  assert.is(reasonOf(view({ caughtUp: false, alone: true })), undefined, 'nobody answers')
  assert.is(reasonOf(view({ caughtUp: false }), 1_000), undefined, 'a partition keeps no node from serving')
  assert.is(reasonOf(view({ caughtUp: false, behind: 11 }), 1_000), 'lagging')
})

test('draining is for good, and comes first', () => {
  const readiness = new Readiness({ joinTimeoutMs: 1_000, readyBehindMax: 10 })
  readiness.drain()
  assert.is(readiness.verdict(0)?.reason, 'draining')
  readiness.opened(view(), 0)
  assert.is(readiness.verdict(5_000)?.reason, 'draining')
  assert.ok(readiness.draining)
})

test('a node that could not be opened has failed', () => {
  const readiness = new Readiness({ joinTimeoutMs: 1_000, readyBehindMax: 10 })
  readiness.end()
  assert.is(readiness.verdict(0)?.reason, 'failed')
})

test.run()
