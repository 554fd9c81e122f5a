import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseProblem } from '../src/problem.js'

const test = suite('problem')

const type = 'application/problem+json'
const text = JSON.stringify({ type: 'about:blank', code: 'NOT_READY', detail: 'wait', counted: false })

test('is of ours by its type and its code', () => {
  const problem = { code: 'NOT_READY', detail: 'wait', counted: false }
  assert.equal(parseProblem(type, text), problem)
  assert.equal(parseProblem('Application/Problem+JSON; charset=utf-8', text), problem)
  for (const other of [null, '', 'application/json', 'application/problem+jsonp', 'text/html']) {
    assert.is(parseProblem(other, text), undefined)
  }
  for (const body of ['', '{', 'null', '[]', '"NOT_READY"', '{"code":7}', '{"code":"not ready"}', '{"detail":"x"}']) {
    assert.is(parseProblem(type, body), undefined, body)
  }
})

test('counted is known only where it is said in so many words', () => {
  const counted = (value: unknown) => parseProblem(type, JSON.stringify({ code: 'NOT_READY', counted: value }))?.counted
  assert.equal([true, false, 'perhaps'].map(counted), [true, false, 'perhaps'])
  assert.equal([0, 'false', null, undefined, 'no'].map(counted), [
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ])
})

test('a detail is cut to a length that a log can hold', () => {
  assert.is(parseProblem(type, JSON.stringify({ code: 'NOT_READY', detail: 'x'.repeat(5_000) }))?.detail.length, 1_000)
})

test.run()
