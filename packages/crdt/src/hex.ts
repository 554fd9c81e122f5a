import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/** Writes an id of 32 hexadecimal digits as 16 bytes. */
export function writeHex(encoder: encoding.Encoder, hex: string): void {
  for (let i = 0; i < 32; i += 2) encoding.writeUint8(encoder, Number.parseInt(hex.slice(i, i + 2), 16))
}

/** Reads what `writeHex` wrote. */
export function readHex(decoder: decoding.Decoder): string {
  let hex = ''
  for (let i = 0; i < 16; i++) hex += decoding.readUint8(decoder).toString(16).padStart(2, '0')
  return hex
}
