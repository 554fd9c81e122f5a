import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { canonicalKey, counterKey } from '../src/index.js'
import { throwsCode } from './failing.js'

const test = suite('counter-key')

test('labels stand in the order of their names', () => {
  assert.is(counterKey('orders'), 'orders')
  assert.is(counterKey('orders', {}), 'orders')
  assert.is(counterKey('orders', { b: 'x', a: 'y' }), 'orders{a="y",b="x"}')
  assert.is(canonicalKey('orders{b="x",a="y"}'), 'orders{a="y",b="x"}')
})

test('what the form uses itself is escaped', () => {
  assert.is(counterKey('a{b\\', { l: 'x"\\' }), 'a\\{b\\\\{l="x\\"\\\\"}')
  assert.is(canonicalKey(counterKey('a{b\\', { l: 'x"\\' })), 'a\\{b\\\\{l="x\\"\\\\"}')
  assert.is(canonicalKey('\\a{\\l="\\b"}'), 'a{l="b"}')
})

test('names and labels that break the rules are refused', () => {
  const labels = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`l${i}`, 'x']))
  for (const act of [
    () => counterKey(''),
    () => counterKey(7 as unknown as string),
    () => counterKey('a\nb'),
    () => counterKey('\ud800'),
    () => counterKey('é'.repeat(129)),
    () => counterKey('a', labels),
    () => counterKey('a', { '1': 'x' }),
    () => counterKey('a', { a: 7 as unknown as string }),
    () => counterKey('a', new Map() as unknown as Record<string, string>),
    () => counterKey('a', null as unknown as Record<string, string>),
  ]) {
    throwsCode(act, 'INVALID_NAME')
  }
  assert.is(counterKey('é'.repeat(128)).length, 128)
})

test('keys that are none are refused', () => {
  const bad = [
    7,
    null,
    undefined,
    '',
    '{a="x"}',
    'a{',
    'a{}',
    'a{l}',
    'a{l="x"',
    'a{l="x"}y',
    'a{l="x",}',
    'a{l="x",l="y"}',
  ]
  for (const key of [...bad, 'a\\', 'a{l="x\\"}', 'a'.repeat(20_001)])
    throwsCode(() => canonicalKey(key), 'INVALID_NAME')
})

test('a text that was named before is the same key again, whatever else was named meanwhile', () => {
  const text = 'orders{b="2",a="1"}'
  const wrong = 'orders{b="2",b="1"}'
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 2; i++) {
      assert.is(canonicalKey(text), 'orders{a="1",b="2"}')
      assert.throws(() => canonicalKey(wrong), /names a label twice/)
    }
    for (let i = 0; i < 10_001; i++) assert.is(canonicalKey(`k${i}`), `k${i}`)
  }
})

test.run()
