import { crcStep } from './crc-step.js'

const step = crcStep(0xedb88320)

/** CRC-32 (ISO 3309, the polynomial of zlib and PNG) of `bytes[start, end)`, as an unsigned 32-bit integer. */
export function crc32(bytes: Uint8Array, start = 0, end = bytes.length): number {
  return (step(0xffffffff, bytes, start, end) ^ 0xffffffff) >>> 0
}
