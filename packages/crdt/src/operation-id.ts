import type * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { TallymeshError } from './errors.js'
import type { Random } from './ids.js'

/** Names an operation: the character U+0004 and 16 characters for the 16 bytes of its UUID. That is its identity in a log as well, so
 *  that none is built, and hashed, anew for each look. In order, ids of version 7 are in that of their times. */
export type OperationId = string & { readonly __brand: 'OperationId' }

const MARK = 4
const BYTES = 16
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
const TIME_MS_MAX = 2 ** 48 - 1
/** What was shown last: most likely it is read next. */
let shown: string | undefined
let shownId = '' as OperationId
const DIGITS = '0123456789abcdef'
/** Where the digits of each byte stand in a UUID as it is written, with hyphens between. */
const SHOWN_AT = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]

/** Reads a UUID, with or without its hyphens. @throws TallymeshError INVALID_OPERATION */
export function operationId(text: unknown): OperationId {
  if (text === shown) return shownId
  if (typeof text === 'string' && UUID.test(text)) {
    let at = 0
    for (let i = 0; i < BYTES; i++) {
      if (text.charCodeAt(at) === 0x2d) at++
      scratch[i] = 16 * nibble(text.charCodeAt(at)) + nibble(text.charCodeAt(at + 1))
      at += 2
    }
    return idOf(scratch, 0)
  }
  const given = typeof text === 'string' ? JSON.stringify(text.slice(0, 80)) : String(text)
  throw new TallymeshError('INVALID_OPERATION', `an operation id must be a UUID, got ${given}; nothing was counted`)
}

/** The id as a UUID is written: with hyphens. In one piece: text that is joined from pieces takes ten times the memory. */
export function showOperationId(id: OperationId): string {
  for (let i = 0; i < BYTES; i++) {
    const [byte, at] = [byteOf(id, i), SHOWN_AT[i] as number]
    characters[at] = DIGITS.charCodeAt(byte >> 4)
    characters[at + 1] = DIGITS.charCodeAt(byte & 15)
  }
  shown = String.fromCharCode(...characters)
  shownId = id
  return shown
}

/** When the id was made, in ms since 1970, where it says so: a UUID of version 7 (RFC 9562, 5.7). */
export function operationTimeMs(id: OperationId): number | undefined {
  // The variant is 10 in binary.
  if (byteOf(id, 6) >> 4 !== 7 || byteOf(id, 8) >> 6 !== 2) return undefined
  let timeMs = 0
  for (let i = 0; i < 6; i++) timeMs = timeMs * 256 + byteOf(id, i)
  return timeMs
}

/** A new UUID of version 7: its time, and 74 random bits.
 *  @param nowMs ms since 1970 */
export function freshOperationId(nowMs: number, random: Random): OperationId {
  const timeMs = Math.floor(Math.min(TIME_MS_MAX, Math.max(0, nowMs)))
  const [high, low] = [Math.floor(timeMs / 2 ** 32), timeMs % 2 ** 32]
  for (let i = 0; i < 2; i++) scratch[i] = high >>> (8 - 8 * i)
  for (let i = 0; i < 4; i++) scratch[2 + i] = low >>> (24 - 8 * i)
  const version = 0x7000 + random() * 0x1000
  const variant = 0x8000 + random() * 0x4000
  for (let i = 0; i < 2; i++) {
    scratch[6 + i] = version >>> (8 - 8 * i)
    scratch[8 + i] = variant >>> (8 - 8 * i)
  }
  for (let i = 10; i < BYTES; i += 3) {
    const tail = random() * 0x1000000
    for (let j = 0; j < 3; j++) scratch[i + j] = tail >>> (16 - 8 * j)
  }
  return idOf(scratch, 0)
}

export function writeOperationId(encoder: encoding.Encoder, id: OperationId): void {
  const { cbuf, cpos } = encoder
  if (cpos + BYTES > cbuf.length) {
    for (let i = 0; i < BYTES; i++) encoding.writeUint8(encoder, byteOf(id, i))
    return
  }
  for (let i = 0; i < BYTES; i++) cbuf[cpos + i] = byteOf(id, i)
  encoder.cpos = cpos + BYTES
}

/** Reads what `writeOperationId` wrote. @throws RangeError where it ends too early */
export function readOperationId(decoder: decoding.Decoder): OperationId {
  const { arr, pos } = decoder
  if (pos + BYTES > arr.length) throw new RangeError('an operation id ends too early')
  decoder.pos += BYTES
  return idOf(arr, pos)
}

/** What an identity in a log names, if it is an operation. */
export function operationIn(identity: string): OperationId | undefined {
  return identity.charCodeAt(0) === MARK ? (identity as OperationId) : undefined
}

const scratch = new Uint8Array(BYTES)
/** Those of a UUID as it is written. */
const characters = new Array<number>(36).fill(0x2d)

/** In one piece, and without a list of its characters: this runs several times for each operation. */
function idOf(bytes: Uint8Array, at: number): OperationId {
  const b = (i: number) => bytes[at + i] as number
  return String.fromCharCode(
    MARK,
    b(0),
    b(1),
    b(2),
    b(3),
    b(4),
    b(5),
    b(6),
    b(7),
    b(8),
    b(9),
    b(10),
    b(11),
    b(12),
    b(13),
    b(14),
    b(15),
  ) as OperationId
}

function byteOf(id: OperationId, at: number): number {
  return id.charCodeAt(at + 1)
}

/** The value of a hexadecimal digit, by its character's code. */
function nibble(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57
}
