import { TallymeshError } from '@tallymesh/crdt'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseStrictJson } from '../../src/http/strict-json.js'

const test = suite('strict JSON')

function refusal(text: string | Buffer): string {
  try {
    parseStrictJson(Buffer.from(text as string))
  } catch (error) {
    assert.instance(error, TallymeshError)
    assert.is((error as TallymeshError).code, 'REQUEST_INVALID')
    return (error as TallymeshError).message
  }
  throw new Error(`${text} was taken`)
}

test('takes what JSON.parse takes, where no number has a fraction and no member stands twice', () => {
  const integers = fc.maxSafeInteger()
  const key = fc.string({ unit: 'grapheme' }).filter(name => name !== '__proto__')
  const { value } = fc.letrec(tie => ({
    value: fc.oneof(
      { depthSize: 'small', maxDepth: 5 },
      fc.oneof(integers, fc.string({ unit: 'grapheme' }), fc.boolean(), fc.constant(null)),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4 }),
    ),
  }))
  fc.assert(
    fc.property(value, fc.constantFrom(0, 1, 2), (tree, indent) => {
      const text = JSON.stringify(tree, undefined, indent)
      // Minus zero is written as 0 by JSON.stringify.
      assert.equal(parseStrictJson(Buffer.from(text)), JSON.parse(text))
    }),
    { numRuns: 500 },
  )
})

test('refuses a member that stands twice, at any depth, however it is written', () => {
  for (const text of [
    '{"add":1,"add":2}',
    '{"add":1,"\\u0061dd":2}',
    '[{"key":"a","add":1},{"key":"b","key":"c","add":1}]',
    '{"a":{"b":1,"b":1}}',
    '{ "add" : 1 , "add" : 1 }',
  ]) {
    assert.match(refusal(text), /twice/)
  }
})

test('is not confused by colons, quotes and digits within strings', () => {
  for (const text of ['{"a:b":"c:1.5:{}"}', '["\\"x\\": 1.5e3, -0", "\\\\"]', '{"\\\\":"a\\\\\\":\\""}', '"-0.5"']) {
    assert.equal(parseStrictJson(Buffer.from(text)), JSON.parse(text))
  }
})

test('refuses fractions, exponents and negative zeros', () => {
  for (const text of [
    '{"add":1.5}',
    '[1.0]',
    '1e3',
    '1E3',
    '[1e309]',
    '-0',
    '{"add":-0}',
    '[-0.0]',
    '[ -0 ]',
    '1e-400',
  ]) {
    assert.match(refusal(text), /fraction, an exponent or a negative zero/)
  }
})

test('refuses __proto__ as a member, also escaped', () => {
  assert.match(refusal('{"__proto__":{"add":1}}'), /__proto__/)
  assert.match(refusal('{"\\u005f_proto__":1}'), /__proto__/)
})

test('refuses bytes that are not UTF-8', () => {
  assert.match(refusal(Buffer.from([0x22, 0xff, 0x22])), /UTF-8/)
  assert.match(refusal(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])), /UTF-8/)
})

test('refuses what is no JSON, and says where without showing what', () => {
  assert.is(refusal('{"add":1'), 'the body is not JSON: it breaks at position 8; nothing was counted')
  for (const text of ['', 'secret', '{"add":01}', '{add:1}', '[1,]', '\uFEFF{}', "{'a':1}", 'NaN']) {
    assert.not.match(refusal(text), /secret/)
  }
})

test('refuses deep nesting, without running out of stack', () => {
  assert.match(refusal(`${'['.repeat(17)}${']'.repeat(17)}`), /nested more than 16 deep/)
  assert.match(refusal(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`), /nested/)
  assert.match(refusal(`${'['.repeat(500_000)}${']'.repeat(500_000)}`), /nested/)
})

test('reads long strings without running out of stack', () => {
  const text = JSON.stringify({ key: 'a\\"'.repeat(200_000) })
  assert.equal(parseStrictJson(Buffer.from(text)), JSON.parse(text))
})

test.run()
