import { ERROR_CODES, type ErrorCode, TallymeshError } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HttpError, headerText, isExpected, problemHeaders, problemOf, rawProblem } from '../../src/http/problem.js'

const test = suite('a problem')

/** Statuses as the contract gives them; every other code is an error of the server. */
const STATUSES: Partial<Record<ErrorCode, number>> = {
  ...{ INVALID_NAME: 400, INVALID_AMOUNT: 400, INVALID_OPTION: 400, REQUEST_INVALID: 400, EXPORT_DAMAGED: 400 },
  ...{
    UNAUTHORIZED: 401,
    FORBIDDEN: 403,
    CERTIFICATE_REFUSED: 403,
    NOT_FOUND: 404,
    MEMBER_UNKNOWN: 404,
    METHOD_NOT_ALLOWED: 405,
  },
  ...{ COUNTER_OVERFLOW: 409, MEMBER_UP: 409, LEAVE_REFUSED: 409, EXPORT_WRONG_ROOM: 409, BODY_TOO_LARGE: 413 },
  ...{ MEDIA_TYPE_UNSUPPORTED: 415, RATE_LIMITED: 429, NOT_READY: 503, NODE_CLOSED: 503 },
  ...{ INVALID_OPERATION: 400, OPERATION_MISMATCH: 409, OPERATION_EXPIRED: 410, OPERATION_TOO_LARGE: 413 },
  ...{ OPERATIONS_FULL: 503, OPERATIONS_UNAVAILABLE: 503 },
  ...{ INDETERMINATE: 504, NOT_REPLICATED: 504, NOT_CAUGHT_UP: 504, LEAVE_TIMEOUT: 504 },
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

test('shows the kind of what lies behind it, and no path', () => {
  const level = new Error('IO error: /var/lib/t/db/000003.log: No space left on device')
  const text = `a write to /var/lib/t failed (${level.message}); it may or may not be stored`
  const failed = new TallymeshError('STORE_WRITE_FAILED', text, { cause: level })
  const waits = 'the node waits for its disk; nothing was counted. An earlier write failed: '
  const refusal = (cause: TallymeshError) => new TallymeshError('NOT_READY', `${waits}${cause.message}`, { cause })
  assert.is(problemOf(refusal(failed), true).detail, `${waits}ENOSPC: the disk is full`)
  assert.is(
    problemOf(refusal(failed), false).detail,
    'the node waits for its disk. An earlier write failed: ENOSPC: the disk is full',
  )
  const cases: Array<[words: string, shown: RegExp]> = [
    ['Disk quota exceeded', /EDQUOT/],
    ['Read-only file system', /EROFS/],
    ['Input/output error', /EIO/],
    ['Too many open files', /EMFILE/],
    ['EPERM: operation not permitted', /EACCES/],
    ['something else', /STORE_UNUSABLE: the data directory cannot/],
  ]
  for (const [words, shown] of cases) {
    const cause = new TallymeshError('STORE_UNUSABLE', '/a/b cannot be used', { cause: new Error(`/a/b: ${words}`) })
    const { detail } = problemOf(refusal(cause), true)
    assert.match(detail, shown)
    assert.not.match(detail, '/a/b')
  }
  const contested = new TallymeshError('IDENTITY_CONTESTED', '/a/b is full: ENOSPC')
  assert.match(problemOf(refusal(contested), true).detail, /IDENTITY_CONTESTED: the replica id/)
})

test('says nothing of counting where nothing was to be counted', () => {
  const detail = (text: string, adds: boolean) => problemOf(new TallymeshError('NOT_READY', text), adds).detail
  assert.is(detail('it opens; nothing was counted', true), 'it opens; nothing was counted')
  assert.is(detail('it opens; nothing was counted', false), 'it opens')
  assert.is(detail('it is full. Nothing was counted', false), 'it is full')
  assert.is(detail('it ends; nothing was counted, ask another', false), 'it ends, ask another')
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
  assert.is(JSON.parse(body).counted, undefined)
  assert.match(rawProblem(new TallymeshError('NOT_FOUND', 'nix'), 'a', true), /"counted":false/)
  assert.is(headerText('a b'), 'a b')
})

test.run()
