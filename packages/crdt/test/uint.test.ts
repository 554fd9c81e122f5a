import fc from 'fast-check'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readUint, writeUint } from '../src/uint.js'

const test = suite('uint')
/** Of any length, as it is written. */
const anyUint = fc.oneof(fc.maxSafeNat(), fc.nat(), fc.nat(300), fc.constantFrom(2 ** 31, 2 ** 53 - 1))
const read = (...bytes: number[]) => readUint(decoding.createDecoder(Uint8Array.from(bytes)))

test('what lib0 writes is read back, and written', () => {
  fc.assert(
    fc.property(anyUint, value => {
      const encoder = encoding.createEncoder()
      encoding.writeVarUint(encoder, value)
      const bytes = encoding.toUint8Array(encoder)
      assert.is(read(...bytes), value)
      const written = new Uint8Array(20).fill(7)
      assert.is(writeUint(written, 3, value), 3 + bytes.length)
      assert.equal(written, Uint8Array.of(7, 7, 7, ...bytes, ...new Array(17 - bytes.length).fill(7)))
    }),
  )
  assert.is(read(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f), Number.MAX_SAFE_INTEGER)
})

test('what lib0 would misread is refused', () => {
  assert.throws(() => read(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10), /2\^53/)
  assert.throws(() => read(...new Array(200).fill(0x80), 1), /2\^53/)
  assert.throws(() => read(0x80))
  assert.throws(() => read())
})

test.run()
