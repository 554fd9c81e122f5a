import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Digest, hashBytes } from '../src/index.js'

const test = suite('digest')
const anyHash = fc.record({ lo: fc.nat(0xffffffff), hi: fc.nat(0xffffffff) })

function sum(hashes: ReadonlyArray<{ lo: number; hi: number }>): Digest {
  const digest = new Digest()
  for (const { lo, hi } of hashes) digest.add(lo, hi)
  return digest
}

test('the sum knows no order, and what is subtracted was never there', () => {
  fc.assert(
    fc.property(fc.array(anyHash), fc.array(anyHash), (kept, gone) => {
      const digest = sum([...kept, ...gone])
      assert.ok(digest.equals(sum([...gone, ...kept].reverse())))
      for (const { lo, hi } of gone) digest.subtract(lo, hi)
      assert.ok(digest.equals(sum(kept)))
    }),
  )
})

test('a copy goes its own way', () => {
  const digest = sum([{ lo: 1, hi: 2 }])
  const copy = digest.copy()
  copy.add(1, 1)
  assert.is(digest.toString(), '0000000200000001')
  assert.not(digest.equals(copy))
  assert.not(digest.equals({ lo: 1, hi: 3 }))
  assert.not(digest.equals({ lo: 2, hi: 2 }))
})

test('lanes are signed 32 bits of the range alone', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), fc.uint8Array(), (before, bytes, after) => {
      const all = Uint8Array.of(...before, ...bytes, ...after)
      const end = before.length + bytes.length
      const { lo, hi } = hashBytes(bytes)
      assert.equal([lo, hi], [lo | 0, hi | 0])
      assert.equal(hashBytes(all, before.length, end), { lo, hi })
    }),
  )
})

test('neighbouring totals never share a hash', () => {
  // Entries that differ in a few low bytes are what a log is made of.
  const seen = new Set<string>()
  const bytes = Uint8Array.of(0, 1, 97, 0, 0, 0)
  for (let p = 0; p < 200_000; p++) {
    new DataView(bytes.buffer).setUint16(3, p & 0xffff)
    bytes[5] = p >>> 16
    const { lo, hi } = hashBytes(bytes)
    seen.add(`${lo},${hi}`)
  }
  assert.is(seen.size, 200_000)
})

test.run()
