import { crcStep } from './crc-step.js'

const step = crcStep(0xedb88320)
/** zlib's takes a tenth of the time on long content. Browsers have none. */
const platform = globalThis.process?.getBuiltinModule?.('node:zlib')?.crc32
const PLATFORM_BYTES_MIN = 256

/** CRC-32 (ISO 3309, the polynomial of zlib and PNG) of `bytes[start, end)`, as an unsigned 32-bit integer. */
export function crc32(bytes: Uint8Array, start = 0, end = bytes.length): number {
  if (platform && end - start >= PLATFORM_BYTES_MIN) return platform(bytes.subarray(start, end))
  return (step(0xffffffff, bytes, start, end) ^ 0xffffffff) >>> 0
}
