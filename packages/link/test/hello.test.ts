import { ERROR_CODES, type ErrorCode, TallymeshError } from '@tallymesh/crdt'
import fc from 'fast-check'
import * as encoding from 'lib0/encoding'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  decodeHello,
  decodeRefusal,
  encodeFrame,
  encodeHello,
  encodeRefusal,
  FRAME_HELLO,
  type Hello,
  judgeFirstFrame,
} from '../src/index.js'
import { anyHello, SAMPLE_HELLO, throwsCode } from './samples.js'

const admitAll = () => undefined

test('a hello comes back as it was said', () => {
  fc.assert(fc.property(anyHello, hello => assert.equal(decodeHello(encodeHello(hello)), hello)))
})

test('every truncation of a hello is refused by name', () => {
  fc.assert(
    fc.property(anyHello, hello => {
      const body = encodeHello(hello)
      for (let length = 0; length < body.length; length++) {
        throwsCode(() => decodeHello(body.subarray(0, length)), 'FRAME_DAMAGED', 'WRONG_PROTOCOL')
      }
      throwsCode(() => decodeHello(Buffer.concat([body, Uint8Array.of(0)])), 'FRAME_DAMAGED')
    }),
    { numRuns: 30 },
  )
})

test('every flip of a single bit gives another hello or a named error, and as a frame always the error', () => {
  const body = encodeHello(SAMPLE_HELLO)
  const frame = encodeFrame(FRAME_HELLO, body)
  for (let bit = 0; bit < frame.length * 8; bit++) {
    const damaged = frame.slice()
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
    const verdict = judgeFirstFrame(damaged, SAMPLE_HELLO, admitAll)
    assert.is(verdict.type === 'refused' && verdict.reason.code, 'FRAME_DAMAGED')
    if (bit < 40) continue
    let read: Hello | undefined
    try {
      read = decodeHello(damaged.subarray(5))
    } catch (error) {
      assert.instance(error, TallymeshError)
    }
    assert.not.equal(read, SAMPLE_HELLO)
  }
})

test('arbitrary bytes after the magic never throw anything unnamed', () => {
  const magic = encodeHello(SAMPLE_HELLO).subarray(0, 5)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      throwsCode(() => decodeHello(Buffer.concat([magic, bytes])), 'FRAME_DAMAGED')
      throwsCode(() => decodeRefusal(Buffer.concat([Uint8Array.of(70), bytes])), 'FRAME_DAMAGED')
    }),
  )
})

test('something else than tallymesh, and another version, are told apart', () => {
  throwsCode(() => decodeHello(Buffer.from('GET / HTTP/1.1')), 'WRONG_PROTOCOL')
  const later = Buffer.concat([encodeHello({ ...SAMPLE_HELLO, version: 9 }).subarray(0, 5), Buffer.from('whatever')])
  throwsCode(() => decodeHello(later), 'WRONG_VERSION')
  assert.throws(() => decodeHello(later), /version 9 .* version 1/)
})

test('the limits of a hello hold on both sides', () => {
  const over: Partial<typeof SAMPLE_HELLO>[] = [
    { name: 'é'.repeat(129) },
    { room: 'x'.repeat(257) },
    { urls: Array.from({ length: 9 }, () => 'ws://a:1/') },
    { urls: ['x'.repeat(1025)] },
    { instance: 'AB' },
  ]
  for (const change of over) throwsCode(() => encodeHello({ ...SAMPLE_HELLO, ...change }), 'INVALID_OPTION')
  // The bytes of a peer that keeps no limits: a room of 257 bytes, and nine URLs.
  const start = encodeHello(SAMPLE_HELLO).subarray(0, 5)
  const room = Buffer.concat([start, Uint8Array.of(0x81, 0x02), new Uint8Array(257).fill(65)])
  assert.throws(() => decodeHello(room), /257 is over the limit/)
  const bare = encodeHello({ ...SAMPLE_HELLO, urls: [] })
  const urls = Buffer.concat([bare.subarray(0, -1), Uint8Array.of(9), new Uint8Array(9)])
  assert.throws(() => decodeHello(urls), /9 is over the limit of 8/)
})

test('a refusal carries any code and sentence', () => {
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(ERROR_CODES)), fc.lorem(), (code, sentence) => {
      const heard = decodeRefusal(encodeRefusal(new TallymeshError(code as ErrorCode, sentence)))
      assert.equal([heard.code, heard.message], [code, sentence])
    }),
  )
})

test('a code from a later release becomes LINK_FAILED, with the sentence', () => {
  for (const code of ['FROM_THE_FUTURE', 'toString', '__proto__']) {
    const encoder = encoding.createEncoder()
    encoding.writeVarString(encoder, code)
    encoding.writeVarString(encoder, 'the moon is full')
    const heard = decodeRefusal(encoding.toUint8Array(encoder))
    assert.equal([heard.code, heard.message], ['LINK_FAILED', 'the moon is full'])
  }
})

test('a long sentence is shortened between characters, and control characters are blanked', () => {
  for (let lead = 0; lead < 4; lead++) {
    const long = 'x'.repeat(lead) + '€'.repeat(500)
    const { message } = decodeRefusal(encodeRefusal(new TallymeshError('LINK_FAILED', long)))
    assert.ok(message.endsWith('€...') && long.startsWith(message.slice(0, -3)), message)
    assert.ok(Buffer.byteLength(message) <= 1024 && Buffer.byteLength(message) > 1018)
  }
  const forged = decodeRefusal(encodeRefusal(new TallymeshError('LINK_FAILED', 'a\nERROR b\u001b[2J\u0085')))
  assert.is(forged.message, 'a ERROR b [2J ')
})

test('a refusal is refused when anything follows it, or a part is missing', () => {
  const body = encodeRefusal(new TallymeshError('WRONG_ROOM', 'the other room'))
  for (let length = 0; length < body.length; length++) {
    throwsCode(() => decodeRefusal(body.subarray(0, length)), 'FRAME_DAMAGED')
  }
  throwsCode(() => decodeRefusal(Buffer.concat([body, Uint8Array.of(1)])), 'FRAME_DAMAGED')
})

test('the first frame must be a hello, and an owner that fails refuses', () => {
  const early = judgeFirstFrame(encodeFrame(16, new Uint8Array(3)), SAMPLE_HELLO, admitAll)
  assert.is(early.type === 'refused' && early.reason.code, 'WRONG_PROTOCOL')
  const hello = encodeFrame(FRAME_HELLO, encodeHello(SAMPLE_HELLO))
  const failed = judgeFirstFrame(hello, SAMPLE_HELLO, () => {
    throw new Error('members are not loaded')
  })
  assert.is(failed.type === 'refused' && failed.reason.code, 'LINK_FAILED')
})

test.run()
