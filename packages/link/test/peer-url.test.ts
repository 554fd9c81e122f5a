import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bearerToken, meshUrl, parseDnsSeed, parsePeerUrl, tokenMatcher } from '../src/index.js'
import { throwsCode } from './samples.js'

test('an address has one form, and parsing that form changes nothing', () => {
  const forms = {
    'ws://127.0.0.1:7001': 'ws://127.0.0.1:7001/',
    'ws://127.0.0.1:7001/': 'ws://127.0.0.1:7001/',
    'WS://Api-1.Example:07001/mesh': 'ws://api-1.example:7001/',
    'ws://[::1]:7001': 'ws://[::1]:7001/',
    'ws://api': 'ws://api:80/',
    'ws://api:80': 'ws://api:80/',
    'wss://api': 'wss://api:443/',
    'wss://api:443/mesh': 'wss://api:443/',
  }
  for (const [text, form] of Object.entries(forms)) {
    assert.is(parsePeerUrl(text), form)
    assert.is(parsePeerUrl(form), form)
  }
  assert.is(meshUrl('ws://api:7001/'), 'ws://api:7001/mesh')
})

test('anything else is INVALID_URL', () => {
  const bad = ['', 'api:7001', 'http://api:7001', 'ws://', 'ws://:7001', 'ws://api:0', 'ws://api:70000', 'ws://a b:1']
  const more = ['ws://api:1/other', 'ws://api:1/mesh/', 'ws://api:1//', 'ws:\\\\api:1', ' ws://api:1', 'ws://api:1\n']
  const secret = ['ws://u:p@api:1', 'ws://u@api:1', 'ws://@api:1', 'ws://api:1/?token=x', 'ws://api:1?', 'ws://api:1#']
  const odd = ['ws://[::1:1', 'ws://api:x', `ws://${'a'.repeat(1025)}:1`, 'ws://api:1/%6desh', 'ws://api:1/../mesh']
  for (const text of [...bad, ...more, ...secret, ...odd]) throwsCode(() => parsePeerUrl(text), 'INVALID_URL')
})

test('a name is read as a seed, in lower case', () => {
  assert.equal(parseDnsSeed('dns:Tallymesh.default.svc.cluster.local:7001'), {
    name: 'tallymesh.default.svc.cluster.local',
    port: 7001,
  })
  assert.equal(parseDnsSeed('DNS:a:1'), { name: 'a', port: 1 })
  assert.equal(parseDnsSeed('dns:_mesh.x.:65535'), { name: '_mesh.x.', port: 65_535 })
  for (const text of ['ws://api:7001', 'dnss:a:1', '', ' dns:a:1']) assert.is(parseDnsSeed(text), undefined)
})

test('anything else that begins as a name is INVALID_URL', () => {
  const bad = [
    'dns:',
    'dns:a',
    'dns::1',
    'dns:a:0',
    'dns:a:65536',
    'dns:a:1x',
    'dns:a b:1',
    'dns://a:1',
    'dns:a:1/mesh',
  ]
  for (const text of [...bad, 'dns:-a:1', 'dns:a-:1', `dns:${'a'.repeat(254)}:1`, 'dns:[::1]:1', 'dns:ü:1']) {
    throwsCode(() => parseDnsSeed(text), 'INVALID_URL')
  }
})

test('an error never shows credentials or a query', () => {
  for (const text of ['ws://user:s3cret@api:1', 'ws://api:1/?token=s3cret', 'ws://api:1/x#s3cret', 'ws://s3cret@']) {
    assert.throws(
      () => parsePeerUrl(text),
      (error: Error) => !error.message.includes('s3cret'),
    )
  }
})

test('arbitrary text gives an address or INVALID_URL', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webUrl({ validSchemes: ['ws', 'wss'] })), text => {
      try {
        assert.is(parsePeerUrl(parsePeerUrl(text)), parsePeerUrl(text))
      } catch {
        throwsCode(() => parsePeerUrl(text), 'INVALID_URL')
      }
    }),
  )
})

test('a token matches one of the list, and nothing else', () => {
  const matches = tokenMatcher(['old', 'new'])
  for (const token of ['old', 'new']) assert.ok(matches(token))
  for (const token of ['', 'ol', 'oldnew', undefined]) assert.not.ok(matches(token))
  assert.not.ok(tokenMatcher([])(undefined))
  for (const token of ['', 'two words', 'line\n', 'é', 'x'.repeat(1025)]) {
    throwsCode(() => tokenMatcher([token]), 'INVALID_OPTION')
  }
})

test('a bearer header gives its token', () => {
  assert.is(bearerToken('Bearer abc'), 'abc')
  assert.is(bearerToken('bearer   a.b-c='), 'a.b-c=')
  for (const header of [undefined, '', 'Bearer', 'Bearer ', 'Basic abc', 'Bearer a b']) {
    assert.is(bearerToken(header), undefined)
  }
})

test.run()
