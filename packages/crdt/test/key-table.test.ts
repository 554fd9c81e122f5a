import fc from 'fast-check'
import * as encoding from 'lib0/encoding'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CounterKey } from '../src/index.js'
import { KeyTable } from '../src/key-table.js'
import { anyKey } from './samples.js'

const test = suite('key-table')
const utf8 = new TextEncoder()

/** As a reader of batches takes a key: from among other bytes. */
function take(table: KeyTable, key: string): number {
  const bytes = utf8.encode(`<${key}>`)
  return table.takeAt(bytes, 1, bytes.length - 1)
}

test('it finds the keys that a Map finds, by their text and by their bytes, and writes them as lib0 does', () => {
  const anySeed = fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 })
  const anyAdds = fc.array(fc.tuple(anyKey, fc.boolean()), { maxLength: 120, size: 'max' })
  fc.assert(
    fc.property(anySeed, anyAdds, (seed, adds) => {
      const table = new KeyTable(seed)
      const twin = new Map<CounterKey, number>()
      for (const [key, asBytes] of adds) {
        const known = twin.get(key)
        assert.is(table.find(key), known ?? -1)
        const taken = asBytes ? take(table, key) : -1
        const id = taken === -1 ? table.add(key) : taken
        assert.is(id, known ?? twin.size)
        twin.set(key, id)
        assert.is(table.find(`${key}x`), twin.get(`${key}x` as CounterKey) ?? -1)
      }
      assert.is(table.size, twin.size)
      for (const [key, id] of twin) {
        assert.equal([table.find(key), take(table, key), table.keyOf(id)], [id, id, key])
        const encoder = encoding.createEncoder()
        encoding.writeVarString(encoder, key)
        const written = new Uint8Array(3 * key.length + 3)
        const end = table.texts.write(id, written, 1)
        assert.equal(written.subarray(1, end), encoding.toUint8Array(encoder))
      }
    }),
  )
})

test('of bytes, only a plain key gets an id unchecked', () => {
  const table = new KeyTable(0)
  for (const text of ['', 'a{b="c"}', 'a\\b', 'é', 'a\u007f', 'a\n', 'x'.repeat(257)])
    assert.is(take(table, text), -1, text)
  assert.equal([take(table, 'a b'), take(table, 'x'.repeat(256)), table.size], [0, 1, 2])
  const labelled = table.add('a{b="c"}' as CounterKey)
  assert.equal([take(table, 'a{b="c"}'), table.find('')], [labelled, -1])
})

test('a text that has no UTF-8 is not the key whose bytes it would have', () => {
  const table = new KeyTable(7)
  const id = table.add('a\uFFFD' as CounterKey)
  assert.equal([table.find('a\uFFFD'), table.find('a\uD800')], [id, -1])
})

test('a hundred thousand keys are found, long ones and short ones, over many pages', () => {
  const table = new KeyTable(0x5eed)
  const keyOf = (i: number) => `${'é'.repeat(i % 7 === 0 ? 150 : 0)}${'k'.repeat(i % 100)}${i}` as CounterKey
  for (let i = 0; i < 100_000; i++) assert.is(table.add(keyOf(i)), i)
  for (let i = 0; i < 100_000; i++) {
    if (table.find(keyOf(i)) !== i || table.keyOf(i) !== keyOf(i)) assert.unreachable(keyOf(i))
  }
  assert.is(table.find('k100001'), -1)
})

test('keys are found whatever was asked for in between', () => {
  const table = new KeyTable(1)
  const count = 40_000
  for (let i = 0; i < count; i++) table.add(`k${i}` as CounterKey)
  for (let i = 0; i < 3 * count; i++) {
    const asked = (i * 7_919) % (2 * count)
    if (table.find(`k${asked}`) !== (asked < count ? asked : -1)) assert.unreachable(`k${asked}`)
  }
})

test('the longest key has room, one longer than a page is refused', () => {
  const table = new KeyTable(0)
  const long = 'x'.repeat(2 ** 14 - 2) as CounterKey
  for (const key of ['a' as CounterKey, long, 'b' as CounterKey]) table.add(key)
  assert.equal([table.find(long), table.keyOf(1) === long, table.find('b')], [1, true, 2])
  assert.throws(() => table.add(`${long}x` as CounterKey), RangeError)
  assert.is(table.size, 3)
})

test.run()
