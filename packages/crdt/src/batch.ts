import * as decoding from 'lib0/decoding'
import { crc32 } from './crc32.js'
import { Digest, hashBytes } from './digest.js'
import {
  type Entry,
  isSlotNext,
  type KeyNumbers,
  type KnownKeys,
  readEntry,
  readNextSlot,
  type TakeSlot,
} from './entry.js'
import { TallymeshError } from './errors.js'
import { readUint, writeUint } from './uint.js'

/** The first byte of a batch. */
export const BATCH_TAG = 0x54
/** The newest version of batches that this code reads; it reads the older ones, too. */
export const BATCH_VERSION_MAX = 3
/** A version of batches. 2 leaves out the decrements of slots that have none; 3 may hold what a log says of operations. */
export type BatchVersion = 1 | 2 | 3
export const BATCH_ENTRIES_MAX = 1024
export const BATCH_BYTES_MAX = 64 * 1024
/** Tag, version, the checksum of the batch before, and the salt. */
const HEADER_BYTES = 10
/** Bytes of the digest and the checksum that end a batch. */
const TRAILER_BYTES = 12
/** Bytes of a batch around its entries, at most. */
const FRAME_BYTES = HEADER_BYTES + 8 + 2 + TRAILER_BYTES
/** Bytes that the entries of one batch may have in all. */
export const PACK_BYTES_MAX = BATCH_BYTES_MAX - FRAME_BYTES

/** An entry with the two lanes of its hash, taken over its encoded bytes. */
export interface HashedEntry {
  readonly entry: Entry
  readonly lo: number
  readonly hi: number
}

/** What a batch says besides its entries. */
export interface BatchFrame {
  /** The checksum of the element before this one, 0 for the first: it chains the history, so that two histories differ in
   *  every batch after the first that differs, even where later entries replaced all that was different. */
  readonly previous: number
  /** A number that tells this commit from another one of the same content: see `LogWriter.append`. */
  readonly salt: number
  /** The log's head after the commit that this batch ends; within a commit of several batches, the head before it. */
  readonly head: number
  /** The digest of all live entries of the log after this batch. */
  readonly digest: Digest
}

/** What stands around the entries of a batch, as it is read. */
export interface ReadFrame extends BatchFrame {
  /** The checksum that ends it. */
  readonly checksum: number
}

/** One element of a log. */
export interface Batch extends ReadFrame {
  readonly entries: readonly HashedEntry[]
}

/** Takes an entry of a batch, with the two lanes of its hash. */
export type TakeEntry = (entry: Entry, lo: number, hi: number) => void

/** Takes slots apart from other entries, by the ids that `keys` has. */
export interface SlotReader {
  readonly keys: KeyNumbers
  readonly take: TakeSlot
}

/** The entries of one batch, encoded one behind the other. */
export interface Pack {
  readonly version: BatchVersion
  /** How many there are. */
  readonly count: number
  readonly bytes: Uint8Array
}

export function encodeBatch(
  { previous, salt, head, digest }: BatchFrame,
  { version, count, bytes: entries }: Pack,
): Uint8Array {
  const bytes = new Uint8Array(FRAME_BYTES + entries.length)
  const view = new DataView(bytes.buffer)
  bytes[0] = BATCH_TAG
  bytes[1] = version
  view.setUint32(2, previous, true)
  view.setUint32(6, salt, true)
  const start = writeUint(bytes, writeUint(bytes, HEADER_BYTES, head), count)
  bytes.set(entries, start)
  const end = start + entries.length
  view.setUint32(end, digest.lo, true)
  view.setUint32(end + 4, digest.hi, true)
  view.setUint32(end + 8, crc32(bytes, 0, end + 8), true)
  return bytes.subarray(0, end + TRAILER_BYTES)
}

/** Reads a batch, checking everything that can be checked without its log.
 *  @param known keys that need no check: a table
 *  @throws TallymeshError BATCH_DAMAGED, or BATCH_UNSUPPORTED for a version or entry kind that this code does not know */
export function decodeBatch(bytes: Uint8Array, known: KnownKeys): Batch {
  const entries: HashedEntry[] = []
  const frame = readBatch(bytes, known, (entry, lo, hi) => entries.push({ entry, lo, hi }))
  return { ...frame, entries }
}

/** The same, entry by entry: those before the damage have been handed out where it throws.
 *  @param slots takes the slots of the log's own replica, in place of `take` */
export function readBatch(bytes: Uint8Array, known: KnownKeys, take: TakeEntry, slots?: SlotReader): ReadFrame {
  checkFrame(bytes)
  try {
    return readEntries(bytes, known, take, slots)
  } catch (cause) {
    if (cause instanceof TallymeshError && cause.code.startsWith('BATCH_')) throw cause
    throw new TallymeshError('BATCH_DAMAGED', 'a batch passes its checksum but breaks the format', { cause })
  }
}

/** How many entries a batch holds, without reading them. */
export function countEntries(bytes: Uint8Array): number {
  const decoder = decoding.createDecoder(bytes)
  decoder.pos = HEADER_BYTES
  readUint(decoder)
  return readUint(decoder)
}

/** The checksum that ends a batch. */
export function batchChecksum(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4, true)
}

/** The digest of the log after a batch. */
export function batchDigest(bytes: Uint8Array): { readonly lo: number; readonly hi: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - TRAILER_BYTES)
  return { lo: view.getUint32(0, true), hi: view.getUint32(4, true) }
}

function checkFrame(bytes: unknown): asserts bytes is Uint8Array {
  // A document that others write may hold anything in a log.
  if (!(bytes instanceof Uint8Array)) throw new TallymeshError('BATCH_DAMAGED', `a batch is bytes, not ${typeof bytes}`)
  const min = HEADER_BYTES + 2 + TRAILER_BYTES
  if (bytes.length < min || bytes.length > BATCH_BYTES_MAX) {
    throw new TallymeshError('BATCH_DAMAGED', `a batch has ${bytes.length} bytes, outside ${min} to ${BATCH_BYTES_MAX}`)
  }
  if (bytes[0] !== BATCH_TAG || batchChecksum(bytes) !== crc32(bytes, 0, bytes.length - 4)) {
    throw new TallymeshError('BATCH_DAMAGED', 'a batch fails its checksum')
  }
  if (bytes[1] === 0 || (bytes[1] as number) > BATCH_VERSION_MAX) {
    throw new TallymeshError(
      'BATCH_UNSUPPORTED',
      `a batch has format version ${bytes[1]}, this version of tallymesh reads 1 to ${BATCH_VERSION_MAX}; upgrade this node`,
    )
  }
}

function readEntries(bytes: Uint8Array, known: KnownKeys, take: TakeEntry, slots: SlotReader | undefined): ReadFrame {
  const end = bytes.length - TRAILER_BYTES
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const decoder = decoding.createDecoder(bytes.subarray(0, end))
  const version = bytes[1] as number
  decoder.pos = HEADER_BYTES
  const head = readUint(decoder)
  const count = readUint(decoder)
  if (count > BATCH_ENTRIES_MAX) throw new TallymeshError('BATCH_DAMAGED', `a batch holds ${count} entries`)
  for (let i = 0; i < count; i++) {
    if (slots && isSlotNext(decoder, version)) {
      readNextSlot(decoder, slots.keys, slots.take)
      continue
    }
    const start = decoder.pos
    const entry = readEntry(decoder, known, version)
    const { lo, hi } = hashBytes(bytes, start, decoder.pos)
    take(entry, lo, hi)
  }
  if (decoder.pos !== end) throw new TallymeshError('BATCH_DAMAGED', 'a batch has bytes after its entries')
  const digest = new Digest()
  digest.add(view.getUint32(end, true), view.getUint32(end + 4, true))
  const [previous, salt] = [view.getUint32(2, true), view.getUint32(6, true)]
  return { previous, salt, head, digest, checksum: view.getUint32(end + 8, true) }
}
