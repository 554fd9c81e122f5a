import { type CommitMark, type ReplicaId, type StoreId, TallymeshError } from '@tallymesh/crdt'
import type { LevelKey } from './durable-level.js'
import { Summary } from './summary.js'

/** The version of everything that a store writes: keys, records, meta record, marker. */
export const STORE_FORMAT = 1

/** The meta record is y-leveldb meta of a document of its own, written last in every batch. */
export const META_KEY: LevelKey = ['v1', 'tallymesh', 'meta', 'store']

export interface Meta {
  readonly id: StoreId
  readonly room: string
  readonly lastCommit: CommitMark | undefined
  readonly summary: Summary
}

const MAGIC = 0x534d5954
const FIXED_BYTES = 64
const MARK = Buffer.from('tally.ok')

/** Ends with eight bytes that are not zero. As it ends every batch, a batch whose last bytes are zero on disk was never
 *  written whole: so a log cut off by a power failure is told from a damaged one. */
export function encodeMeta(meta: Meta): Uint8Array {
  const room = Buffer.from(meta.room)
  const bytes = Buffer.alloc(FIXED_BYTES + room.length + MARK.length)
  bytes.writeUInt32LE(MAGIC, 0)
  bytes.writeUInt16LE(STORE_FORMAT, 4)
  bytes.writeUInt16LE(room.length, 6)
  bytes.write(meta.id, 8, 16, 'hex')
  bytes.writeDoubleLE(meta.summary.count, 24)
  bytes.writeUInt32LE(meta.summary.low, 32)
  bytes.writeUInt32LE(meta.summary.high, 36)
  bytes.writeDoubleLE(meta.lastCommit?.number ?? -1, 40)
  bytes.writeDoubleLE(meta.lastCommit?.replica ?? 0, 48)
  bytes.writeDoubleLE(meta.lastCommit?.clock ?? 0, 56)
  bytes.set(room, FIXED_BYTES)
  bytes.set(MARK, FIXED_BYTES + room.length)
  return bytes
}

/** Undefined where the bytes are no meta record.
 *  @throws TallymeshError STORE_UNSUPPORTED */
export function decodeMeta(value: Uint8Array): Meta | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  if (bytes.length < FIXED_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined
  checkFormat(bytes.readUInt16LE(4), 'the database')
  const roomEnd = FIXED_BYTES + bytes.readUInt16LE(6)
  if (bytes.length !== roomEnd + MARK.length || !bytes.subarray(roomEnd).equals(MARK)) return undefined
  const summary = new Summary()
  summary.count = bytes.readDoubleLE(24)
  summary.low = bytes.readUInt32LE(32)
  summary.high = bytes.readUInt32LE(36)
  const number = bytes.readDoubleLE(40)
  const replica = bytes.readDoubleLE(48) as ReplicaId
  return {
    id: bytes.toString('hex', 8, 24) as StoreId,
    room: bytes.toString('utf8', FIXED_BYTES, roomEnd),
    lastCommit: number < 0 ? undefined : { number, replica, clock: bytes.readDoubleLE(56) },
    summary,
  }
}

/** @throws TallymeshError STORE_UNSUPPORTED */
export function checkFormat(format: number, where: string): void {
  if (format <= STORE_FORMAT) return
  throw new TallymeshError(
    'STORE_UNSUPPORTED',
    `${where} was written in store format ${format}, this version reads up to ${STORE_FORMAT}; use a newer tallymesh`,
  )
}
