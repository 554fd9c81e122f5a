import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

const DIGITS = '0123456789abcdef'

/** Writes an id of 32 hexadecimal digits as 16 bytes. */
export function writeHex(encoder: encoding.Encoder, hex: string): void {
  for (let i = 0; i < 32; i += 2) encoding.writeUint8(encoder, Number.parseInt(hex.slice(i, i + 2), 16))
}

/** Reads what `writeHex` wrote: in one piece, for texts that were put together from many take several times their length. */
export function readHex(decoder: decoding.Decoder): string {
  const codes: number[] = []
  for (let i = 0; i < 16; i++) {
    const byte = decoding.readUint8(decoder)
    codes.push(DIGITS.charCodeAt(byte >> 4), DIGITS.charCodeAt(byte & 15))
  }
  return String.fromCharCode(...codes)
}
