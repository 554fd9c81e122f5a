import { crc32cStep, unmaskCrc } from './crc32c.js'

const BLOCK_BYTES = 32 * 1024
const HEADER_BYTES = 7
const SECTOR_BYTES = 512
const ZERO_RUN_BYTES = 8

const FULL = 1
const FIRST = 2
const MIDDLE = 3
const LAST = 4

/** What a file in LevelDB's log format holds: a write-ahead log or a manifest. */
export interface LevelLog {
  /** The whole records before the end, or before the damage. */
  readonly records: readonly Uint8Array[]
  /** The last record was cut off while it was written: it was never acknowledged. */
  readonly torn: boolean
  /** What is damaged and where, or undefined. LevelDB itself would drop such records without a word. */
  readonly damage: string | undefined
}

type Fragment = { type: number; start: number; end: number } | 'torn' | { damage: string }

/** Reads and verifies every record; stops at the first damage.
 *  Format: leveldb/doc/log_format.md. */
export function readLevelLog(bytes: Uint8Array): LevelLog {
  const records: Uint8Array[] = []
  let parts: Uint8Array[] = []
  let at = 0
  const done = (torn: boolean, damage?: string): LevelLog => ({ records, torn, damage })
  while (at < bytes.length) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES)
    if (left < HEADER_BYTES) {
      at += left
      continue
    }
    const fragment = readFragment(bytes, at, left)
    if (fragment === 'torn') return done(true)
    if ('damage' in fragment) return done(false, fragment.damage)
    const starts = fragment.type === FULL || fragment.type === FIRST
    if (starts !== (parts.length === 0)) return done(false, `a record at byte ${at} is out of place`)
    parts.push(bytes.subarray(fragment.start, fragment.end))
    at = fragment.end
    if (fragment.type === FIRST || fragment.type === MIDDLE) continue
    records.push(parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts))
    parts = []
  }
  return done(parts.length > 0)
}

function readFragment(bytes: Uint8Array, at: number, left: number): Fragment {
  if (bytes.length - at < HEADER_BYTES) return 'torn'
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES)
  const expected = view.getUint32(0, true)
  const length = view.getUint16(4, true)
  const type = view.getUint8(6)
  if (expected === 0 && length === 0 && type === 0) {
    return zeros(bytes, at) ? 'torn' : { damage: `bytes were replaced by zeros at ${at}` }
  }
  const start = at + HEADER_BYTES
  const end = start + length
  const crc = unmaskCrc(expected)
  // A writer never lets a fragment pass the end of its block.
  if (HEADER_BYTES + length > left) return { damage: `the length of the record at byte ${at} is wrong` }
  if (end > bytes.length) {
    // Cut off, or whole with a damaged length: LevelDB would drop both without a word.
    if (!wholeSomewhere(bytes, start, crc)) return 'torn'
    return { damage: `the length of the last record, at byte ${at}, is wrong` }
  }
  if ((crc32cStep(0xffffffff, bytes, at + 6, end) ^ 0xffffffff) >>> 0 !== crc) {
    return unwritten(bytes, start, end) ? 'torn' : { damage: `the record at byte ${at} fails its checksum` }
  }
  if (type < FULL || type > LAST) return { damage: `the record at byte ${at} has the unknown type ${type}` }
  return { type, start, end }
}

/** Whether the bytes from `start`, cut at some length, match the checksum. */
function wholeSomewhere(bytes: Uint8Array, start: number, crc: number): boolean {
  let running = crc32cStep(0xffffffff, bytes, start - 1, start)
  for (let at = start; ; at++) {
    if ((running ^ 0xffffffff) >>> 0 === crc) return true
    if (at >= bytes.length) return false
    running = crc32cStep(running, bytes, at, at + 1)
  }
}

/** Whether the file ends in a record of which the last disk sectors were never written, as a power failure leaves it.
 *  No record that was written whole ends in so many zeros. */
function unwritten(bytes: Uint8Array, start: number, end: number): boolean {
  if (!zeros(bytes, end)) return false
  let zeroFrom = end
  while (zeroFrom > start && bytes[zeroFrom - 1] === 0) zeroFrom--
  const sector = Math.ceil(zeroFrom / SECTOR_BYTES) * SECTOR_BYTES
  return end - sector >= ZERO_RUN_BYTES
}

function zeros(bytes: Uint8Array, from: number): boolean {
  for (let at = from; at < bytes.length; at++) if (bytes[at] !== 0) return false
  return true
}
