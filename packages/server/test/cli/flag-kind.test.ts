import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as kinds from '../../src/cli/flag-kind.js'

const kind = suite('kinds of settings')

kind('listen address', () => {
  const { parse } = kinds.listenAddress
  assert.equal(parse('127.0.0.1:7001'), { host: '127.0.0.1', port: 7001 })
  assert.equal(parse('[::1]:0'), { host: '::1', port: 0 })
  assert.equal(parse('[::]:65535'), { host: '::', port: 65535 })
  assert.equal(parse('[fe80::1%eth0]:1'), { host: 'fe80::1%eth0', port: 1 })
  assert.equal(parse('node-1.example:80'), { host: 'node-1.example', port: 80 })
  const wrong = [
    'x',
    '',
    ':7001',
    '7001',
    'host:',
    'host:65536',
    'host:-1',
    '::1:7001',
    '[zz]:1',
    'a b:1',
    '[::1]',
    'http://a:1',
  ]
  for (const text of wrong) assert.is(parse(text), undefined, text)
})

kind('peers', () => {
  const { parse } = kinds.peerAddress
  for (const text of [
    'ws://127.0.0.1:7002',
    'wss://[::1]:7002',
    'ws://host/',
    'ws://host/mesh',
    'dns:tallymesh:7001',
  ]) {
    assert.is(parse(text), text)
  }
  const wrong = [
    'http://a:1',
    '127.0.0.1:7002',
    'ws://a:1/x',
    'ws://u:p@a:1',
    'ws://a:1?x',
    'dns:a',
    'dns:a:0',
    'dns:a:65536',
    'ws://a:99999',
  ]
  for (const text of wrong) assert.is(parse(text), undefined, text)
})

kind('servers', () => {
  const { parse } = kinds.serverUrl
  assert.is(parse('http://127.0.0.1:7001/'), 'http://127.0.0.1:7001')
  assert.is(parse('https://Counters.example.org/room'), 'https://counters.example.org/room')
  for (const text of ['127.0.0.1:7001', 'ws://a:1', 'http://u:p@a', 'http://a?token=x', 'http://a#b', 'http://', '']) {
    assert.is(parse(text), undefined, text)
  }
})

kind('integers, choices, replicas, texts and origins', () => {
  const range = kinds.integer('MS', 0, 100)
  assert.equal(['0', '100', '007'].map(range.parse), [0, 100, 7])
  const wrong = ['-1', '101', '1.5', '1e2', '', ' 1', '0x1', '١', '99999999999999999999']
  assert.ok(wrong.every(text => range.parse(text) === undefined))
  assert.equal(['1', '64', 'majority', '0', '65', 'all'].map(kinds.replicas.parse), [
    1,
    64,
    'majority',
    ...[undefined, undefined, undefined],
  ])
  const one = kinds.choice('X', ['a', 'b', 'c'])
  assert.is(one.must, 'a, b or c')
  assert.equal(['a', 'A', ''].map(one.parse), ['a', undefined, undefined])
  assert.equal(['é', '', 'a\0', 'x'.repeat(5)].map(kinds.text('N', 4).parse), ['é', undefined, undefined, undefined])
  assert.equal(['https://example.org', 'https://example.org/', 'null', 'example.org'].map(kinds.webOrigin.parse), [
    'https://example.org',
    undefined,
    undefined,
    undefined,
  ])
})

kind.run()
