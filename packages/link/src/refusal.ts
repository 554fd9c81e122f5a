import { ERROR_CODES, type ErrorCode, TallymeshError } from '@tallymesh/crdt'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { decodeText, encodeText } from './text.js'

const CODE_BYTES_MAX = 64
const SENTENCE_BYTES_MAX = 1024

/** The body of a refusal frame: the code and the sentence of `reason`, without its cause. A sentence over 1 KiB is
 *  shortened, because a reason told in part is worth more than none. */
export function encodeRefusal(reason: TallymeshError): Uint8Array {
  const encoder = encoding.createEncoder()
  encodeText(encoder, 'the code', reason.code, CODE_BYTES_MAX)
  encodeText(encoder, 'the sentence', shorten(reason.message), SENTENCE_BYTES_MAX)
  return encoding.toUint8Array(encoder)
}

/** Reads why the peer ended the link. A code that this release does not know becomes LINK_FAILED, with the sentence of
 *  the peer. Control characters become spaces, so that a peer cannot forge lines of a log.
 *  @throws TallymeshError FRAME_DAMAGED */
export function decodeRefusal(body: Uint8Array): TallymeshError {
  const decoder = decoding.createDecoder(body)
  try {
    const code = decodeText(decoder, CODE_BYTES_MAX)
    const sentence = decodeText(decoder, SENTENCE_BYTES_MAX).replace(/\p{Cc}/gu, ' ')
    if (decoding.hasContent(decoder)) throw new RangeError('bytes follow the sentence')
    return new TallymeshError(isErrorCode(code) ? code : 'LINK_FAILED', sentence)
  } catch (error) {
    throw new TallymeshError('FRAME_DAMAGED', `a refusal breaks the format: ${String(error)}`, { cause: error })
  }
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code)
}

function shorten(sentence: string): string {
  const bytes = Buffer.from(sentence)
  if (bytes.length <= SENTENCE_BYTES_MAX) return sentence
  let end = SENTENCE_BYTES_MAX - 3
  // Cut before a character, not inside one: its further bytes are 10xxxxxx.
  while (((bytes[end] as number) & 0xc0) === 0x80) end--
  return `${bytes.toString('utf8', 0, end)}...`
}
