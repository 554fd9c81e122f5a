// LevelDB guards its files with CRC-32C (Castagnoli, RFC 3720). Eight tables let eight bytes be taken at once
// (Kounavis and Berry, "A Systematic Approach to Building High Performance Software-based CRC Generators", 2005).
const TABLES = Array.from({ length: 8 }, () => new Uint32Array(256))
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
]
for (let byte = 0; byte < 256; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  T0[byte] = crc
}
for (let byte = 0; byte < 256; byte++) {
  for (let table = 1; table < 8; table++) {
    const before = (TABLES[table - 1] as Uint32Array)[byte] as number
    ;(TABLES[table] as Uint32Array)[byte] = (T0[before & 0xff] as number) ^ (before >>> 8)
  }
}

/** Takes `bytes[start, end)` into a running CRC-32C that began as 0xffffffff and is inverted at its end. */
export function crc32cStep(crc: number, bytes: Uint8Array, start: number, end: number): number {
  let at = start
  for (; at + 8 <= end; at += 8) {
    const low = crc ^ word(bytes, at)
    const high = word(bytes, at + 4)
    crc =
      (T7[low & 0xff] as number) ^
      (T6[(low >>> 8) & 0xff] as number) ^
      (T5[(low >>> 16) & 0xff] as number) ^
      (T4[low >>> 24] as number) ^
      (T3[high & 0xff] as number) ^
      (T2[(high >>> 8) & 0xff] as number) ^
      (T1[(high >>> 16) & 0xff] as number) ^
      (T0[high >>> 24] as number)
  }
  for (; at < end; at++) crc = (T0[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8)
  return crc
}

/** The CRC-32C of `bytes[start, end)`, as an unsigned 32-bit integer. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  return (crc32cStep(0xffffffff, bytes, start, end) ^ 0xffffffff) >>> 0
}

/** LevelDB stores checksums rotated and shifted, so that a checksum of data that holds checksums stays strong. */
export function unmaskCrc(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0
  return ((rotated >>> 17) | (rotated << 15)) >>> 0
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}
