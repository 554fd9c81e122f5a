import { crc32 } from '@tallymesh/crdt'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeFrame, encodeFrame, FRAME_BODY_BYTES_MAX, FRAME_BYTES_MAX } from '../src/index.js'
import { throwsCode } from './samples.js'

const anyKind = fc.integer({ min: 0, max: 255 })
const anyBody = fc.uint8Array({ maxLength: 300 })

test('a frame is its kind, the CRC-32 of kind and body, and the body', () => {
  fc.assert(
    fc.property(anyKind, anyBody, (kind, body) => {
      const frame = encodeFrame(kind, body)
      assert.is(new DataView(frame.buffer).getUint32(1, true), crc32(Uint8Array.of(kind, ...body)))
      assert.equal(frame.subarray(5), body)
    }),
  )
})

test('decode gives back what was encoded, also from a part of a larger buffer', () => {
  fc.assert(
    fc.property(anyKind, anyBody, (kind, body) => {
      assert.equal(decodeFrame(encodeFrame(kind, body)), { kind, body })
      const inside = Buffer.concat([Uint8Array.of(1, 2, 3), encodeFrame(kind, body)]).subarray(3)
      const decoded = decodeFrame(inside)
      assert.equal(decoded, { kind, body })
      assert.not.instance(decoded.body, Buffer)
    }),
  )
})

test('every truncation is refused', () => {
  fc.assert(
    fc.property(anyKind, fc.uint8Array({ maxLength: 60 }), (kind, body) => {
      const frame = encodeFrame(kind, body)
      for (let length = 0; length < frame.length; length++) {
        throwsCode(() => decodeFrame(frame.subarray(0, length)), 'FRAME_DAMAGED')
      }
    }),
  )
})

test('every flip of a single bit is refused', () => {
  fc.assert(
    fc.property(anyKind, fc.uint8Array({ maxLength: 60 }), (kind, body) => {
      const frame = encodeFrame(kind, body)
      for (let bit = 0; bit < frame.length * 8; bit++) {
        const damaged = frame.slice()
        damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
        throwsCode(() => decodeFrame(damaged), 'FRAME_DAMAGED')
      }
    }),
  )
})

test('arbitrary bytes give a frame or a named error', () => {
  fc.assert(
    fc.property(fc.uint8Array(), bytes => {
      throwsCode(() => decodeFrame(bytes), 'FRAME_DAMAGED')
    }),
  )
})

test('the limits hold on both sides', () => {
  const longest = new Uint8Array(FRAME_BODY_BYTES_MAX)
  assert.is(decodeFrame(encodeFrame(16, longest)).body.length, FRAME_BODY_BYTES_MAX)
  throwsCode(() => encodeFrame(16, new Uint8Array(FRAME_BODY_BYTES_MAX + 1)), 'FRAME_TOO_LARGE')
  throwsCode(() => decodeFrame(new Uint8Array(FRAME_BYTES_MAX + 1)), 'FRAME_TOO_LARGE')
  for (const kind of [-1, 256, 1.5]) throwsCode(() => encodeFrame(kind, new Uint8Array(1)), 'INVALID_OPTION')
})

test.run()
