import { crcStep } from '@tallymesh/crdt'

/** LevelDB guards its files with CRC-32C (Castagnoli, RFC 3720). */
export const crc32cStep = crcStep(0x82f63b78)

/** The CRC-32C of `bytes[start, end)`, as an unsigned 32-bit integer. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  return (crc32cStep(0xffffffff, bytes, start, end) ^ 0xffffffff) >>> 0
}

/** LevelDB stores checksums rotated and shifted, so that a checksum of data that holds checksums stays strong. */
export function unmaskCrc(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0
  return ((rotated >>> 17) | (rotated << 15)) >>> 0
}
