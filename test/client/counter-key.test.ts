import { canonicalKey, counterKey } from '@tallymesh/client'
import * as crdt from '@tallymesh/crdt'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codePoint } from '../fuzz/code-point.js'

const test = suite('keys of the client and of the server')

const outcome = (act: () => string): string => {
  try {
    return act()
  } catch (error) {
    return (error as { code: string }).code
  }
}
const special = fc.string({
  unit: fc.constantFrom('a', 'B', '1', '_', '\\', '{', '}', '"', '=', ',', 'é', '\ud83e', '\n'),
})
const anyText = fc.oneof(special, fc.string({ unit: codePoint, maxLength: 20 }), fc.string({ maxLength: 300 }))
const anyLabels = fc.dictionary(fc.oneof(fc.stringMatching(/^[a-zA-Z_]\w{0,4}$/), anyText), anyText, {
  maxKeys: 18,
  noNullPrototype: true,
})

test('are built alike', () => {
  fc.assert(
    fc.property(anyText, anyLabels, (name, labels) => {
      assert.is(
        outcome(() => counterKey(name, labels)),
        outcome(() => crdt.counterKey(name, labels)),
      )
    }),
    { numRuns: 3_000 },
  )
})

test('are read alike', () => {
  const key = fc.tuple(anyText, anyLabels).map(([name, labels]) => outcome(() => crdt.counterKey(name, labels)))
  const loose = fc.tuple(special, special, special).map(([a, b, c]) => `${a}{${b}="${c}"}`)
  fc.assert(
    fc.property(fc.oneof(anyText, key, loose), text => {
      assert.is(
        outcome(() => canonicalKey(text)),
        outcome(() => crdt.canonicalKey(text)),
      )
    }),
    { numRuns: 4_000 },
  )
})

test.run()
