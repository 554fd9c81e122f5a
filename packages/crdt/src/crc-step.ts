/** Takes `bytes[start, end)` into a running checksum, which begins as 0xffffffff and is inverted at its end. */
export type CrcStep = (crc: number, bytes: Uint8Array, start: number, end: number) => number

/** Makes a cyclic redundancy check of 32 bits. Eight tables let eight bytes be taken at once (Kounavis and Berry, "A Systematic
 *  Approach to Building High Performance Software-based CRC Generators", 2005).
 *  @param polynomial with its bits reversed, such as 0xedb88320 */
export function crcStep(polynomial: number): CrcStep {
  const tables = Array.from({ length: 8 }, () => new Uint32Array(256))
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [Table, Table, Table, Table, Table, Table, Table, Table]
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    t0[byte] = crc
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let table = 1; table < 8; table++) {
      const before = (tables[table - 1] as Table)[byte] as number
      ;(tables[table] as Table)[byte] = (t0[before & 0xff] as number) ^ (before >>> 8)
    }
  }
  return (crc, bytes, start, end) => {
    let at = start
    for (; at + 8 <= end; at += 8) {
      const low = crc ^ word(bytes, at)
      const high = word(bytes, at + 4)
      crc =
        (t7[low & 0xff] as number) ^
        (t6[(low >>> 8) & 0xff] as number) ^
        (t5[(low >>> 16) & 0xff] as number) ^
        (t4[low >>> 24] as number) ^
        (t3[high & 0xff] as number) ^
        (t2[(high >>> 8) & 0xff] as number) ^
        (t1[(high >>> 16) & 0xff] as number) ^
        (t0[high >>> 24] as number)
    }
    for (; at < end; at++) crc = (t0[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8)
    return crc
  }
}

type Table = Uint32Array

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}
