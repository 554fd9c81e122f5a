import type { Prng } from './prng.js'

const utf8 = new TextEncoder()
const loose = new TextDecoder()

/** The text that an input stands for: UTF-16 behind a byte of 1, so that lone surrogates are met too, else UTF-8. */
export function textOf(bytes: Uint8Array): string {
  if (bytes[0] !== 1) return loose.decode(bytes)
  return Buffer.from(bytes.subarray(1)).toString('utf16le')
}

export function bytesOf(text: string, prng: Prng): Uint8Array {
  if (prng.chance(0.8)) return utf8.encode(text)
  return Buffer.concat([Buffer.of(1), Buffer.from(text, 'utf16le')])
}
