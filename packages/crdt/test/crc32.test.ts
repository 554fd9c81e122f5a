import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { crcStep } from '../src/crc-step.js'
import { crc32 } from '../src/index.js'

const test = suite('crc32')

test('known answers', () => {
  const text = new TextEncoder()
  assert.is(crc32(text.encode('123456789')), 0xcbf43926)
  assert.is(crc32(new Uint8Array()), 0)
  assert.is(crc32(text.encode('The quick brown fox jumps over the lazy dog')), 0x414fa339)
})

test('it reads only the range it is given', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), fc.uint8Array(), (before, bytes, after) => {
      const all = Uint8Array.of(...before, ...bytes, ...after)
      assert.is(crc32(all, before.length, before.length + bytes.length), crc32(bytes))
      assert.is(crc32(all.subarray(before.length), 0, bytes.length), crc32(bytes))
    }),
  )
})

test('it is the CRC-32 of zlib', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600, size: 'max' }), fc.nat(10), (bytes, start) => {
      const expected = zlibCrc32(bytes.subarray(start))
      assert.is(crc32(bytes, Math.min(start, bytes.length)), expected)
      // What browsers run, at any length.
      assert.is(
        (crcStep(0xedb88320)(0xffffffff, bytes, Math.min(start, bytes.length), bytes.length) ^ 0xffffffff) >>> 0,
        expected,
      )
    }),
  )
})

test.run()
