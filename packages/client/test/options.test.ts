import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ClientOptions, TallymeshClient } from '../src/index.js'
import { checkOptions } from '../src/options.js'
import { throwsCode } from './failing.js'

const test = suite('options')

const noOutbox = { open: () => {}, commit: () => {}, close: () => {} }

test('have defaults', () => {
  const { fetch: _, random, ...rest } = checkOptions({ urls: [] })
  assert.is(random, Math.random)
  assert.equal(rest, {
    timeoutMs: 5_000,
    deadlineMs: 15_000,
    backoffMinMs: 50,
    backoffMaxMs: 2_000,
    maxDelayMs: 0,
    maxKeys: 1_000,
    replicas: undefined,
    operations: true,
    retryWindowMs: 600_000,
    outbox: undefined,
  })
  assert.is(checkOptions({ urls: [], retry: { backoffMinMs: 5_000 } }).backoffMaxMs, 5_000)
})

test('are refused in words', () => {
  const bad: Array<[object, RegExp]> = [
    [{ timeoutMs: 0 }, /timeoutMs must be an integer from 1 to 600000, got 0/],
    [{ deadlineMs: 1.5 }, /deadlineMs must be an integer from 1 to 3600000, got 1.5/],
    [{ maxDelayMs: '5' }, /maxDelayMs .* got a string/],
    [{ maxDelayMs: null, maxKeys: null, timeoutMs: {} }, /timeoutMs .* got an object$/],
    [{ maxKeys: 1_001 }, /maxKeys/],
    [{ retry: { backoffMinMs: -1 } }, /retry.backoffMinMs/],
    [{ retry: { backoffMinMs: 100, backoffMaxMs: 50 } }, /retry.backoffMaxMs must be an integer from 100/],
    [{ replicas: 0 }, /replicas/],
    [{ replicas: 'all' }, /'majority'/],
    [{ replicas: 1_001 }, /1 to 1000/],
    [{ retry: null }, /^retry must be an object, got null$/],
    [{ retry: { backoff: 5 } }, /^retry has no "backoff"; known are backoffMinMs, backoffMaxMs$/],
    [{ timeout: 5 }, /^options has no "timeout"; known are urls, token, timeoutMs, .*random$/],
    [{ operations: 'no' }, /operations must be true or false, got a string/],
    [{ retryWindowMs: 0 }, /retryWindowMs must be an integer from 1 to 86400000, got 0/],
    [{ outbox: './outbox' }, /outbox must be an Outbox, such as fileOutbox.*, got a string$/],
    [{ outbox: null }, /got null$/],
    [{ outbox: { ...noOutbox, commit: 5 } }, /got an object$/],
    [{ outbox: noOutbox, operations: false }, /an outbox needs operations: true/],
    [{ token: 5 }, /token .* got 5/],
    [{ fetch: 5 }, /fetch/],
    [{ random: 5 }, /random/],
    [{ position: 'x' }, /position/],
  ]
  for (const [options, message] of bad) {
    const open = () => new TallymeshClient({ urls: ['http://127.0.0.1:1'], ...options } as ClientOptions)
    assert.match(throwsCode(open, 'INVALID_OPTION').message, message)
  }
})

test('that are no object are refused', () => {
  const Client = TallymeshClient as unknown as new (...options: unknown[]) => TallymeshClient
  for (const options of [[], [undefined], [null], [5], ['http://127.0.0.1:1'], [['http://127.0.0.1:1']]]) {
    assert.match(throwsCode(() => new Client(...options), 'INVALID_OPTION').message, /^options must be an object, got /)
  }
  assert.match(throwsCode(() => new Client(), 'INVALID_OPTION').message, /got undefined$/)
})

test('a token that no header can hold is refused at once, and not shown', () => {
  for (const token of ['', 'two\nlines', 'sp ace', 'ü', 'x'.repeat(5_000)]) {
    const open = () => new TallymeshClient({ urls: ['http://127.0.0.1:1'], token })
    const error = throwsCode(open, 'INVALID_TOKEN')
    assert.not.ok(token !== '' && `${error.stack}${JSON.stringify(error)}`.includes(token))
  }
})

test.run()
