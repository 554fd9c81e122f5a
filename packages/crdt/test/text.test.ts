import fc from 'fast-check'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readText, writeText } from '../src/text.js'

const test = suite('text')
const anyText = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
)

function written(texts: readonly string[], write: (encoder: encoding.Encoder, text: string) => void): Uint8Array {
  const encoder = encoding.createEncoder()
  for (const text of texts) write(encoder, text)
  return encoding.toUint8Array(encoder)
}

test('a text is written as lib0 writes it, wherever the buffer of the encoder ends', () => {
  fc.assert(
    fc.property(fc.array(anyText, { maxLength: 20 }), texts => {
      assert.equal(written(texts, writeText), written(texts, encoding.writeVarString))
    }),
  )
})

test('what was written is read, and nothing behind it', () => {
  fc.assert(
    fc.property(fc.array(anyText, { maxLength: 20 }), texts => {
      const decoder = decoding.createDecoder(written(texts, encoding.writeVarString))
      assert.equal(
        texts.map(() => readText(decoder)),
        texts,
      )
      assert.not(decoding.hasContent(decoder))
    }),
  )
})

test('a text that ends early is refused', () => {
  fc.assert(
    fc.property(anyText, text => {
      const bytes = written([text], encoding.writeVarString)
      for (let end = 0; end < bytes.length; end++) {
        assert.throws(() => readText(decoding.createDecoder(bytes.subarray(0, end))))
      }
    }),
  )
})

test.run()
