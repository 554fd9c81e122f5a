import { TallymeshError } from '@tallymesh/crdt'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

const UTF8_ENCODER = new TextEncoder()
const UTF8_DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Writes `text` as its length in bytes and its UTF-8.
 *  @throws TallymeshError INVALID_OPTION when it is longer than `bytesMax` */
export function encodeText(encoder: encoding.Encoder, what: string, text: string, bytesMax: number): void {
  const bytes = UTF8_ENCODER.encode(text)
  if (bytes.length > bytesMax) {
    throw new TallymeshError('INVALID_OPTION', `${what} may take ${bytesMax} bytes of UTF-8, got ${bytes.length}`)
  }
  encoding.writeVarUint8Array(encoder, bytes)
}

/** Reads a text of at most `bytesMax` bytes. The length is checked before anything is read or allocated.
 *  @throws RangeError, TypeError, or what lib0 throws at the end of the bytes */
export function decodeText(decoder: decoding.Decoder, bytesMax: number): string {
  return UTF8_DECODER.decode(decoding.readUint8Array(decoder, decodeUint(decoder, bytesMax)))
}

/** Reads an integer from 0 to `max`. lib0's own reader answers NaN after many continuation bytes, which no comparison refuses.
 *  @throws RangeError where it is larger */
export function decodeUint(decoder: decoding.Decoder, max: number): number {
  const value = decoding.readVarUint(decoder)
  if (!(value <= max)) throw new RangeError(`${value} is over the limit of ${max}`)
  return value
}
