import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { neverConnected } from '../src/connection-failure.js'

const test = suite('connection-failure')

const failed = (cause: unknown) => new TypeError('fetch failed', { cause })
const coded = (code: string, syscall?: string) => Object.assign(new Error(code), { code, syscall })

test('what says that there was no connection', () => {
  for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']) {
    assert.ok(neverConnected(failed(coded(code))), code)
  }
  for (const code of ['EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ECONNRESET', 'EADDRNOTAVAIL']) {
    assert.ok(neverConnected(failed(coded(code, 'connect'))), code)
  }
  assert.ok(neverConnected(failed(new AggregateError([coded('ECONNREFUSED'), coded('ETIMEDOUT', 'connect')]))))
})

test('what an open connection can meet as well', () => {
  for (const code of [
    'EHOSTUNREACH',
    'ETIMEDOUT',
    'ECONNRESET',
    'EPIPE',
    'UND_ERR_SOCKET',
    'UND_ERR_HEADERS_TIMEOUT',
  ]) {
    assert.not.ok(neverConnected(failed(coded(code))), code)
    assert.not.ok(neverConnected(failed(coded(code, 'read'))), code)
  }
  assert.not.ok(neverConnected(failed(new AggregateError([coded('ECONNREFUSED'), coded('ECONNRESET', 'read')]))))
  assert.not.ok(neverConnected(failed(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }))))
})

test('what says nothing', () => {
  const ring = new Error('ring')
  ring.cause = ring
  for (const error of [undefined, null, 'ECONNREFUSED', new TypeError('Failed to fetch'), new Error('x'), ring]) {
    assert.not.ok(neverConnected(error))
  }
})

test.run()
