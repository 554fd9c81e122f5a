import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { holdsToken, parseQuery, UNREADABLE } from '../../src/http/query-string.js'

const test = suite('a query string')

function plain(text: string): object {
  return { ...parseQuery(text) }
}

test('is taken apart, with integers where integers belong', () => {
  assert.equal(plain(''), {})
  assert.equal(plain('prefix=a%20b+c&limit=10'), { prefix: 'a b c', limit: 10 })
  assert.equal(plain('prefix=10&after'), { prefix: '10', after: '' })
  assert.equal(plain('&&limit=5&'), { limit: 5 })
  assert.equal(plain('after=a=b'), { after: 'a=b' })
})

test('keeps what is no plain integer as a text, for the schema to refuse', () => {
  for (const text of ['01', '1.0', '-1', '1e3', '', ' 1', '0x10', '99999999999999999']) {
    assert.type((plain(`limit=${encodeURIComponent(text)}`) as { limit: unknown }).limit, 'string', text)
  }
})

test('shows a name that stands twice, and what cannot be read', () => {
  assert.equal(plain('limit=1&limit=2'), { limit: [1, 2] })
  assert.equal(plain('prefix=%zz'), { [UNREADABLE]: '' })
  assert.equal(plain('%E0%A4%A=1'), { [UNREADABLE]: '' })
})

test('has no inherited names', () => {
  const query = parseQuery('__proto__=x&constructor=y')
  assert.is(Object.getPrototypeOf(query), null)
  assert.equal(Object.keys(query), ['__proto__', 'constructor'])
})

test('with a token is found out', () => {
  for (const url of ['/x?token=a', '/x?a=1&access_token=b', '/x?AUTHORIZATION=c', '/yjs/room?bearer=', '/x?apikey=1']) {
    assert.ok(holdsToken(url), url)
  }
  for (const url of ['/x', '/v1/counters/token=a', '/x?prefix=token', '/x?tokens=1', '/x?after=a%26token%3Db']) {
    assert.not(holdsToken(url), url)
  }
})

test.run()
