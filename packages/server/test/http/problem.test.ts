import { ERROR_CODES, type ErrorCode, TallymeshError } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HttpError, headerText, isExpected, problemHeaders, problemOf, rawProblem } from '../../src/http/problem.js'

const test = suite('a problem')

/** Statuses as the contract gives them; every other code is an error of the server. */
const STATUSES: Partial<Record<ErrorCode, number>> = {
  ...{ INVALID_NAME: 400, INVALID_AMOUNT: 400, INVALID_OPTION: 400, REQUEST_INVALID: 400, EXPORT_DAMAGED: 400 },
  ...{ UNAUTHORIZED: 401, FORBIDDEN: 403, NOT_FOUND: 404, MEMBER_UNKNOWN: 404, METHOD_NOT_ALLOWED: 405 },
  ...{ COUNTER_OVERFLOW: 409, MEMBER_UP: 409, EXPORT_WRONG_ROOM: 409, BODY_TOO_LARGE: 413 },
  ...{ MEDIA_TYPE_UNSUPPORTED: 415, RATE_LIMITED: 429, NOT_READY: 503, NODE_CLOSED: 503 },
  ...{ INDETERMINATE: 504, NOT_REPLICATED: 504, NOT_CAUGHT_UP: 504 },
}

test('has the status of its code', () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    const error = new TallymeshError(code, 'a sentence')
    const { status, detail } = problemOf(error, false)
    assert.is(status, STATUSES[code] ?? 500, code)
    assert.is(isExpected(error), status !== 500)
    assert.is(detail === 'a sentence', status !== 500, code)
  }
  assert.is(problemOf(new HttpError(408, 'REQUEST_INVALID', 'slow'), false).status, 408)
})

test('says of an add whether it was counted', () => {
  const counted = (error: unknown) => problemOf(error, true).counted
  assert.is(counted(new TallymeshError('INVALID_AMOUNT', '')), false)
  assert.is(counted(new TallymeshError('NOT_READY', '')), false)
  assert.is(counted(new TallymeshError('NOT_REPLICATED', '')), true)
  assert.is(counted(new TallymeshError('INDETERMINATE', '')), 'perhaps')
  assert.is(problemOf(new TallymeshError('NOT_READY', ''), false).counted, undefined)
})

test('of an error that nobody expected shows nothing of it', () => {
  const problem = problemOf(new Error('s3cret'), true)
  assert.equal([problem.status, problem.code, problem.counted], [500, 'INDETERMINATE', 'perhaps'])
  assert.not.match(JSON.stringify(problem), /s3cret/)
  assert.equal(problemOf('s3cret', false).code, 'NOT_READY')
})

test('carries the headers that belong to it', () => {
  const headers = (code: ErrorCode) => problemHeaders(problemOf(new TallymeshError(code, ''), false))
  assert.equal(headers('UNAUTHORIZED'), { 'www-authenticate': 'Bearer' })
  assert.equal(headers('NOT_READY'), { 'retry-after': '1' })
  assert.equal(headers('RATE_LIMITED'), { 'retry-after': '1' })
  assert.equal(headers('NOT_FOUND'), {})
})

test('can be written on a bare socket', () => {
  const text = rawProblem(new TallymeshError('NOT_FOUND', 'nix \u{1f512}'), 'Büro')
  const [head = '', body = ''] = text.split('\r\n\r\n')
  assert.match(head, /^HTTP\/1\.1 404 Not Found\r\n/)
  assert.match(head, new RegExp(`content-length: ${Buffer.byteLength(body)}`))
  assert.match(head, /tallymesh-node: B%C3%BCro/)
  assert.is(JSON.parse(body).detail, 'nix \u{1f512}')
  assert.is(headerText('a b'), 'a b')
})

test.run()
