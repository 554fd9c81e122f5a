import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Endpoint, Endpoints } from '../src/endpoints.js'
import { throwsCode } from './failing.js'

const test = suite('endpoints')

function three(): { endpoints: Endpoints; clock: { nowMs: number }; pick: (...tried: Endpoint[]) => string } {
  const clock = { nowMs: 1_000 }
  const endpoints = new Endpoints(['http://a', 'http://b', 'http://c'], () => clock.nowMs)
  return { endpoints, clock, pick: (...tried) => endpoints.pick(tried).endpoint.url.slice(-1) }
}

test('stays with the first until it fails, and then with the one that worked', () => {
  const { endpoints, clock, pick } = three()
  const a = endpoints.pick([]).endpoint
  endpoints.worked(a)
  assert.is(pick(), 'a')
  endpoints.failed(a)
  const b = endpoints.pick([a]).endpoint
  assert.is(b.url, 'http://b')
  assert.is(pick(), 'b')
  endpoints.worked(b)
  clock.nowMs += 60_000
  assert.is(pick(), 'b')
})

test('one call asks each once before any a second time', () => {
  const { endpoints, pick } = three()
  const a = endpoints.pick([]).endpoint
  endpoints.failed(a)
  const b = endpoints.pick([a]).endpoint
  // Another call succeeded there meanwhile.
  endpoints.worked(a)
  endpoints.failed(b)
  const c = endpoints.pick([a, b]).endpoint
  assert.is(c.url, 'http://c')
  endpoints.failed(c)
  assert.is(pick(a, b, c), 'a')
})

test('a suspect is asked last, until five seconds are over', () => {
  const { endpoints, clock, pick } = three()
  const a = endpoints.pick([]).endpoint
  endpoints.failed(a)
  assert.is(pick(), 'b')
  clock.nowMs += 5_000
  assert.is(pick(), 'a')
})

test('who asked to be left alone is, while there are others; else until the earliest is over', () => {
  const { endpoints, clock, pick } = three()
  const a = endpoints.pick([]).endpoint
  endpoints.hold(a, 3_000)
  assert.is(pick(), 'b')
  const b = endpoints.pick([]).endpoint
  endpoints.hold(b, 1_000)
  const c = endpoints.pick([]).endpoint
  endpoints.worked(c)
  assert.is(pick(), 'c')
  endpoints.hold(c, 2_000)
  assert.equal(endpoints.pick([]), { endpoint: b, waitMs: 1_000 })
  clock.nowMs += 1_500
  assert.equal(endpoints.pick([]), { endpoint: b, waitMs: 0 })
})

test('addresses are checked, and a password in one is not repeated', () => {
  const open = (...urls: unknown[]) => new Endpoints(urls as string[], () => 0)
  for (const url of ['', 'ws://a', 'localhost:7001', 7, 'http://', 'http://a?x=1', 'http://a#x']) {
    throwsCode(() => open(url), 'INVALID_URL')
  }
  assert.not.ok(throwsCode(() => open('http://me:secret@a'), 'INVALID_URL').message.includes('secret'))
  assert.not.ok(throwsCode(() => open('ftp://me:secret@a'), 'INVALID_URL').message.includes('secret'))
  throwsCode(() => open(), 'INVALID_URL')
  throwsCode(() => new Endpoints('http://a' as unknown as string[], () => 0), 'INVALID_URL')
  assert.is(open('http://a:80/tally//').pick([]).endpoint.url, 'http://a/tally')
})

test.run()
