import { type CommitMark, type ReplicaId, type StoreId, TallymeshError } from '@tallymesh/crdt'
import { keyEncoding } from 'y-leveldb'
import { Summary } from './summary.js'

/** The version of everything that a store writes: keys, records, meta record, marker. Since 2 the mark of the last commit
 *  carries the tips of its log. */
export const STORE_FORMAT = 2

/** The meta record is y-leveldb meta of a document of its own, written last in every batch. */
export const META_KEY: Buffer = keyEncoding.encode(['v1', 'tallymesh', 'meta', 'store'])

export interface Meta {
  readonly id: StoreId
  readonly room: string
  readonly lastCommit: CommitMark | undefined
  readonly summary: Summary
}

const MAGIC = 0x534d5954
const FIXED_BYTES = 72
/** Of format 1, whose mark has no tips. */
const FIXED_BYTES_1 = 64
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
  bytes.writeUInt32LE(meta.lastCommit?.tip ?? 0, 64)
  bytes.writeUInt32LE(meta.lastCommit?.before ?? 0, 68)
  bytes.set(room, FIXED_BYTES)
  bytes.set(MARK, FIXED_BYTES + room.length)
  return bytes
}

/** Undefined where the bytes are no meta record.
 *  @throws TallymeshError STORE_UNSUPPORTED */
export function decodeMeta(value: Uint8Array): Meta | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  if (bytes.length < FIXED_BYTES_1 || bytes.readUInt32LE(0) !== MAGIC) return undefined
  const format = bytes.readUInt16LE(4)
  checkFormat(format, 'the database')
  const roomStart = format === 1 ? FIXED_BYTES_1 : FIXED_BYTES
  const roomEnd = roomStart + bytes.readUInt16LE(6)
  if (bytes.length !== roomEnd + MARK.length || !bytes.subarray(roomEnd).equals(MARK)) return undefined
  const summary = new Summary()
  summary.count = bytes.readDoubleLE(24)
  summary.low = bytes.readUInt32LE(32)
  summary.high = bytes.readUInt32LE(36)
  const number = bytes.readDoubleLE(40)
  const replica = bytes.readDoubleLE(48) as ReplicaId
  const [tip, before] = format === 1 ? [0, 0] : [bytes.readUInt32LE(64), bytes.readUInt32LE(68)]
  return {
    id: bytes.toString('hex', 8, 24) as StoreId,
    room: bytes.toString('utf8', roomStart, roomEnd),
    lastCommit: number < 0 ? undefined : { number, replica, clock: bytes.readDoubleLE(56), tip, before },
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
