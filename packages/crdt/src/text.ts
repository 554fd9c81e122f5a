import * as decoding from 'lib0/decoding'

/** Longer texts are left to the decoder of the platform, which is faster on them. */
const SHORT_BYTES_MAX = 48

/** Reads a text as lib0 does, its length in bytes and its UTF-8; several times as fast where it is short and plain ASCII.
 *  @throws what lib0 throws for a text that is none, or ends early */
export function readText(decoder: decoding.Decoder): string {
  const { arr, pos } = decoder
  const length = arr[pos]
  if (length === undefined || length > SHORT_BYTES_MAX || pos + 1 + length > arr.length) {
    return decoding.readVarString(decoder)
  }
  let text = ''
  for (let at = pos + 1; at <= pos + length; at++) {
    const byte = arr[at] as number
    if (byte > 0x7f) return decoding.readVarString(decoder)
    text += String.fromCharCode(byte)
  }
  decoder.pos = pos + 1 + length
  return text
}
