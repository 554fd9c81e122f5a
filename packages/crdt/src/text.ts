import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/** Longer texts are left to the platform, which is faster on them. Below 0x80, so that the length is one byte. */
const SHORT_BYTES_MAX = 64
const units: number[] = []

/** Reads a text as lib0 does, its length in bytes and its UTF-8; faster where it is short and plain ASCII. All characters become a string
 *  at once: one that is put together piece by piece is copied once more when it is looked up.
 *  @throws what lib0 throws for a text that is none, or ends early */
export function readText(decoder: decoding.Decoder): string {
  const { arr, pos } = decoder
  const length = arr[pos]
  if (length === undefined || length > SHORT_BYTES_MAX || pos + 1 + length > arr.length) {
    return decoding.readVarString(decoder)
  }
  const text = plainAt(arr, pos + 1, length)
  if (text === undefined) return decoding.readVarString(decoder)
  decoder.pos = pos + 1 + length
  return text
}

/** The text of so many bytes; undefined where it is longer than others, or not plain ASCII. */
export function plainAt(bytes: Uint8Array, from: number, length: number): string | undefined {
  if (length > SHORT_BYTES_MAX) return undefined
  units.length = length
  for (let i = 0; i < length; i++) {
    const byte = bytes[from + i] as number
    if (byte > 0x7f) return undefined
    units[i] = byte
  }
  return String.fromCharCode(...units)
}

/** Writes a text as lib0 does, several times as fast where it is short and plain ASCII. */
export function writeText(encoder: encoding.Encoder, text: string): void {
  const { cbuf, cpos } = encoder
  const { length } = text
  if (length > SHORT_BYTES_MAX || cpos + 1 + length > cbuf.length) return encoding.writeVarString(encoder, text)
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) return encoding.writeVarString(encoder, text)
    cbuf[cpos + 1 + i] = unit
  }
  cbuf[cpos] = length
  encoder.cpos = cpos + 1 + length
}
