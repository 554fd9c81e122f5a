import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { counterValue } from '../src/answers.js'
import { type Answer, type Ask, judgeAnswer, judgeFailure } from '../src/outcome.js'

const test = suite('outcome')

const add: Ask<unknown> = { method: 'POST', path: '/', body: '{}', decode: counterValue }
const read: Ask<unknown> = { method: 'GET', path: '/', decode: counterValue }
const answer = (status: number, body: object, more: Partial<Answer> = {}): Answer => {
  return { status, contentType: 'application/problem+json', retryAfter: null, text: JSON.stringify(body), ...more }
}

test('only a status of success is an acknowledgement', () => {
  const text = '{"key":"a","value":1}'
  for (const status of [200, 201]) assert.is(judgeAnswer(add, 'u', answer(status, {}, { text })).kind, 'answer')
  for (const status of [300, 400, 500]) assert.is(judgeAnswer(add, 'u', answer(status, {}, { text })).kind, 'final')
})

test('a code of ours with 429 has to say that nothing was counted', () => {
  assert.is(judgeAnswer(add, 'u', answer(429, { code: 'RATE_LIMITED', counted: false })).kind, 'again')
  const silent = judgeAnswer(add, 'u', answer(429, { code: 'RATE_LIMITED' }))
  assert.is(silent.kind === 'final' && silent.error.code, 'INDETERMINATE')
  assert.is(judgeAnswer(read, 'u', answer(429, { code: 'RATE_LIMITED' })).kind, 'again')
})

test('an add with an id may be tried again whatever became of it, unless it is too old', () => {
  const operation = { id: '01936b2e-7c1a-7d3e-9f57-2b8a6c4d1e0f', additions: [], again: false, madeAtMs: 0 }
  const known = { ...add, operation }
  for (const status of [500, 502, 504]) {
    const outcome = judgeAnswer(known, 'u', answer(status, {}, { retryAfter: '3' }))
    assert.equal([outcome.kind, outcome.kind === 'again' && outcome.holdMs], ['again', 3_000])
    assert.is(outcome.kind === 'again' && outcome.error.counted, 'perhaps')
  }
  assert.is(judgeFailure(known, 'u', new Error('reset'), false).kind, 'again')
  const old = answer(410, { code: 'OPERATION_EXPIRED', counted: 'perhaps' })
  const expired = judgeAnswer(known, 'u', old)
  assert.is(expired.kind, 'final')
  assert.equal(expired.kind === 'final' && [expired.error.code, expired.error.counted], [
    'OPERATION_EXPIRED',
    'perhaps',
  ])
  for (const code of ['OPERATIONS_FULL', 'OPERATIONS_UNAVAILABLE'])
    assert.is(judgeAnswer(known, 'u', answer(503, { code, counted: false })).kind, 'again')
})

test('who is behind or limits the rate is not suspect', () => {
  const suspect = (status: number, code: string) => {
    const outcome = judgeAnswer(read, 'u', answer(status, { code }))
    return outcome.kind === 'again' && outcome.suspect
  }
  assert.equal(
    [suspect(429, 'RATE_LIMITED'), suspect(504, 'NOT_CAUGHT_UP'), suspect(503, 'NOT_READY')],
    [false, false, true],
  )
})

test('Retry-After in its two forms, and what is neither', () => {
  const held = (retryAfter: string) => {
    const outcome = judgeAnswer(read, 'u', answer(503, { code: 'NOT_READY' }, { retryAfter }))
    return outcome.kind === 'again' ? outcome.holdMs : undefined
  }
  assert.is(held('2'), 2_000)
  const dateMs = held(new Date(Date.now() + 60_000).toUTCString()) ?? 0
  assert.ok(dateMs > 50_000 && dateMs <= 60_000)
  for (const none of ['0', 'soon', '-1', new Date(0).toUTCString()]) assert.is(held(none), undefined, none)
})

test('a failure is named by what lies beneath it', () => {
  const said = (cause: unknown) => {
    const outcome = judgeFailure(read, 'http://u', cause, true)
    return outcome.kind === 'again' ? outcome.error.message : ''
  }
  assert.is(said(new TypeError('fetch failed', { cause: new Error('reset') })), 'no answer from http://u (reset)')
  assert.is(said(new AggregateError([], '')), 'no answer from http://u (AggregateError)')
  assert.is(said(Object.assign(new Error(''), { code: 'ECONNREFUSED' })), 'no answer from http://u (ECONNREFUSED)')
  assert.is(said('gone'), 'no answer from http://u (gone)')
})

test.run()
