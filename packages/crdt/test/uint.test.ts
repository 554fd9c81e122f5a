import fc from 'fast-check'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readUint } from '../src/uint.js'

const test = suite('uint')
const read = (...bytes: number[]) => readUint(decoding.createDecoder(Uint8Array.from(bytes)))

test('what lib0 writes is read back', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), value => {
      const encoder = encoding.createEncoder()
      encoding.writeVarUint(encoder, value)
      assert.is(read(...encoding.toUint8Array(encoder)), value)
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
