import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CounterKey, canonicalKey, checkName, counterKey, type Labels, parseCounterKey } from '../src/index.js'
import { anyLabels, anyName, ODD_NAMES, throwsCode } from './samples.js'

const test = suite('counter-key')

const refused = (name: unknown) => throwsCode(() => counterKey(name as string), 'INVALID_NAME')
const refusedLabels = (labels: unknown) => throwsCode(() => counterKey('a', labels as Labels), 'INVALID_NAME')

test('any name and labels survive the way through the canonical text', () => {
  fc.assert(
    fc.property(anyName, anyLabels, (name, labels) => {
      const key = counterKey(name, labels)
      const parsed = parseCounterKey(key)
      assert.is(parsed.name, name)
      assert.equal(Object.entries(parsed.labels).sort(), Object.entries(labels).sort())
      assert.is(canonicalKey(key), key)
    }),
    { numRuns: 1000 },
  )
})

test('two names or labels that differ give two keys', () => {
  fc.assert(
    fc.property(anyName, anyLabels, anyName, anyLabels, (name, labels, otherName, otherLabels) => {
      const same = (a: Labels, b: Labels) =>
        JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort())
      const equal = name === otherName && same(labels, otherLabels)
      assert.is(counterKey(name, labels) === counterKey(otherName, otherLabels), equal)
    }),
    { numRuns: 1000 },
  )
})

test('odd names are ordinary and distinct', () => {
  const keys = ODD_NAMES.map(name => counterKey(name))
  assert.is(new Set(keys).size, ODD_NAMES.length)
  for (const [i, key] of keys.entries()) assert.is(parseCounterKey(key).name, ODD_NAMES[i])
})

test('labels stand in the order of their names, whatever order they were given in', () => {
  assert.is(counterKey('a', { b: 'x', a: 'y' }), 'a{a="y",b="x"}')
  assert.is(canonicalKey('a{b="x",a="y"}'), 'a{a="y",b="x"}')
  assert.is(counterKey('a', {}), 'a')
  assert.is(counterKey('a', { l: '' }), 'a{l=""}')
  assert.is(counterKey('a{b\\', { l: 'x"\\' }), 'a\\{b\\\\{l="x\\"\\\\"}')
})

test('a label named __proto__ is a label', () => {
  const key = canonicalKey('a{__proto__="x"}')
  assert.is(key, 'a{__proto__="x"}')
  assert.ok(Object.hasOwn(parseCounterKey(key).labels, '__proto__'))
})

test('names are refused in words', () => {
  assert.match(refused('').message, 'must not be empty')
  assert.match(refused(null).message, 'got null')
  for (const name of [undefined, 7, {}, Symbol('x'), 1n]) assert.match(refused(name).message, `got ${typeof name}`)
  assert.match(refused('a\u0000b').message, 'control character U+0000 at index 1')
  for (const control of ['\n', '\u007f', '\u0085', '\u001f']) refused(`a${control}`)
  assert.match(refused('ab\ud800').message, 'lone surrogate U+D800 at index 2')
  refused('\udc00x')
  refused('\udc00\ud800')
})

test('a name has at most 256 bytes of UTF-8', () => {
  for (const [unit, bytes] of [
    ['a', 1],
    ['é', 2],
    ['€', 3],
    ['\u{1F980}', 4],
  ] as const) {
    const fits = Math.floor(256 / bytes)
    assert.is(parseCounterKey(counterKey(unit.repeat(fits))).name.length, unit.length * fits)
    assert.match(refused(unit.repeat(fits + 1)).message, `this has ${bytes * (fits + 1)}`)
  }
  assert.is(checkName('URL', 'u'.repeat(300), 300).length, 300)
})

test('labels are refused in words', () => {
  for (const labels of [null, 'a', 7, ['a'], new Map([['a', 'b']]), new Set()]) refusedLabels(labels)
  assert.match(refusedLabels({ '': 'x' }).message, 'label name ""')
  for (const label of ['1a', 'a-b', 'é', 'a b', 'a'.repeat(65)]) refusedLabels({ [label]: 'x' })
  for (const value of [1, null, undefined, {}]) assert.match(refusedLabels({ a: value }).message, 'must be a string')
  refusedLabels({ a: '\n' })
  refusedLabels({ a: '\ud800' })
  refusedLabels({ a: 'x'.repeat(257) })
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, 'x']))
  assert.match(refusedLabels(many(17)).message, 'has 17')
  counterKey('a', many(16))
})

test('a text that is no key is refused with the place', () => {
  const fails = (text: string, what: string) =>
    assert.match(throwsCode(() => canonicalKey(text), 'INVALID_NAME').message, what)
  fails('a{', 'no =" at index 2')
  fails('a{}', 'no ="')
  fails('a{b', 'no ="')
  fails('a{b=c}', 'no ="')
  fails('a{b="c}', 'no "')
  fails('a{b="c"', 'no }')
  fails('a{b="c",}', 'no ="')
  fails('a{b="c"}d', 'text after the closing }')
  fails('a{b="c",b="d"}', 'a label twice')
  fails('a\\', 'an escape without a character')
  fails('', 'must not be empty')
  fails('{a="b"}', 'must not be empty')
})

test('a plain text is its own key, by whichever way it is looked at', () => {
  const ascii = fc.string({ unit: 'binary-ascii', maxLength: 300 })
  const outcome = (act: () => CounterKey) => {
    try {
      return act()
    } catch (error) {
      return (error as Error).message
    }
  }
  fc.assert(
    fc.property(ascii, text => {
      const whole = () => {
        const { name, labels } = parseCounterKey(text)
        return counterKey(name, labels)
      }
      assert.is(
        outcome(() => canonicalKey(text)),
        outcome(whole),
      )
    }),
    { numRuns: 2_000 },
  )
})

test('any text is taken apart or refused, nothing else', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '\\', '{', '}', '"', '=', ','), maxLength: 20 }), text => {
      try {
        const key = canonicalKey(text)
        assert.is(canonicalKey(key), key)
      } catch (error) {
        throwsCode(() => {
          throw error
        }, 'INVALID_NAME')
      }
    }),
    { numRuns: 2000 },
  )
})

test.run()
