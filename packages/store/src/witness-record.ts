import { type CommitMark, crc32, type ReplicaId, type StoreId } from '@tallymesh/crdt'

/** The length of a witness file. Its record lies within one page, so that one write changes all of it. */
export const WITNESS_BYTES = 4096

export interface WitnessRecord extends CommitMark {
  readonly store: StoreId
  readonly bootId: string
}

/** What a witness says at the start. */
export type WitnessReading =
  /** Nothing was ever written, nothing may be read, or an earlier version wrote it, which proves less than is asked for. */
  | { readonly state: 'none' }
  /** It fails its checksum, or breaks the format. */
  | { readonly state: 'torn' }
  /** It was written for another store, or by a version that is not known. */
  | { readonly state: 'foreign' }
  /** It was written before this machine was started. */
  | { readonly state: 'stale-boot'; readonly record: WitnessRecord }
  | { readonly state: 'whole'; readonly record: WitnessRecord }

const MAGIC = 0x57594c54
/** Since 2 the mark carries the tips of its log. */
const VERSION = 2
const BOOT_BYTES = 36
const RECORD_BYTES = 96

export function encodeWitness({ store, bootId, replica, clock, number, tip, before }: WitnessRecord): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES)
  bytes.writeUInt32LE(MAGIC, 0)
  bytes.writeUInt32LE(VERSION, 4)
  bytes.write(store, 8, 16, 'hex')
  bytes.write(bootId, 24, BOOT_BYTES, 'latin1')
  bytes.writeDoubleLE(replica, 60)
  bytes.writeDoubleLE(clock, 68)
  bytes.writeDoubleLE(number, 76)
  bytes.writeUInt32LE(tip, 84)
  bytes.writeUInt32LE(before, 88)
  bytes.writeUInt32LE(crc32(bytes, 0, RECORD_BYTES - 4), RECORD_BYTES - 4)
  return bytes
}

export function decodeWitness(bytes: Buffer, store: StoreId, bootId: string): WitnessReading {
  if (bytes.every(byte => byte === 0)) return { state: 'none' }
  if (bytes.length < RECORD_BYTES || bytes.readUInt32LE(0) !== MAGIC) return { state: 'torn' }
  const version = bytes.readUInt32LE(4)
  if (version !== VERSION) return { state: version > VERSION ? 'foreign' : 'none' }
  if (crc32(bytes, 0, RECORD_BYTES - 4) !== bytes.readUInt32LE(RECORD_BYTES - 4)) return { state: 'torn' }
  const record = {
    store: bytes.toString('hex', 8, 24) as StoreId,
    bootId: bytes.toString('latin1', 24, 24 + BOOT_BYTES),
    replica: bytes.readDoubleLE(60) as ReplicaId,
    clock: bytes.readDoubleLE(68),
    number: bytes.readDoubleLE(76),
    tip: bytes.readUInt32LE(84),
    before: bytes.readUInt32LE(88),
  }
  if (record.store !== store) return { state: 'foreign' }
  return { state: record.bootId === bootId ? 'whole' : 'stale-boot', record }
}
