import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { crc32 } from './crc32.js'
import { Digest, hashHi, hashLo } from './digest.js'
import { type Entry, type KnownKeys, readEntry, writeEntry } from './entry.js'
import { TallymeshError } from './errors.js'

/** The first byte of a batch. */
export const BATCH_TAG = 0x54
export const BATCH_VERSION = 1
export const BATCH_ENTRIES_MAX = 1024
export const BATCH_BYTES_MAX = 64 * 1024
/** Bytes of the digest and the checksum that end a batch. */
const TRAILER_BYTES = 12

/** An entry with the two lanes of its hash, taken over its encoded bytes. */
export interface HashedEntry {
  readonly entry: Entry
  readonly lo: number
  readonly hi: number
}

/** One element of a log. */
export interface Batch {
  /** The log's head after the commit that this batch ends; within a commit of several batches, the head before it. */
  readonly head: number
  readonly entries: readonly HashedEntry[]
  /** The digest of all live entries of the log after this batch. */
  readonly digest: Digest
}

/** An entry in its encoded form. */
export interface EncodedEntry extends HashedEntry {
  readonly bytes: Uint8Array
}

export function encodeEntry(entry: Entry): EncodedEntry {
  const encoder = encoding.createEncoder()
  writeEntry(encoder, entry)
  const bytes = encoding.toUint8Array(encoder)
  return { entry, bytes, lo: hashLo(bytes, 0, bytes.length), hi: hashHi(bytes, 0, bytes.length) }
}

/** Bytes of a batch around its entries, at most. */
export const BATCH_FRAME_BYTES = 2 + 8 + 2 + TRAILER_BYTES

export function encodeBatch(head: number, entries: readonly EncodedEntry[], digest: Digest): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeUint8(encoder, BATCH_TAG)
  encoding.writeUint8(encoder, BATCH_VERSION)
  encoding.writeVarUint(encoder, head)
  encoding.writeVarUint(encoder, entries.length)
  for (const entry of entries) encoding.writeUint8Array(encoder, entry.bytes)
  encoding.writeUint32(encoder, digest.lo)
  encoding.writeUint32(encoder, digest.hi)
  encoding.writeUint32(encoder, 0)
  const bytes = encoding.toUint8Array(encoder)
  const body = bytes.length - 4
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(body, crc32(bytes, 0, body), true)
  return bytes
}

/** Reads a batch, checking everything that can be checked without its log.
 *  @param known keys that need no check: a table
 *  @throws TallymeshError BATCH_DAMAGED, or BATCH_UNSUPPORTED for a version or entry kind that this code does not know */
export function decodeBatch(bytes: Uint8Array, known: KnownKeys): Batch {
  checkFrame(bytes)
  try {
    return readBatch(bytes, known)
  } catch (cause) {
    if (cause instanceof TallymeshError && cause.code.startsWith('BATCH_')) throw cause
    throw new TallymeshError('BATCH_DAMAGED', 'a batch passes its checksum but breaks the format', { cause })
  }
}

/** How many entries a batch holds, without reading them. */
export function countEntries(bytes: Uint8Array): number {
  const decoder = decoding.createDecoder(bytes)
  decoder.pos = 2
  decoding.readVarUint(decoder)
  return decoding.readVarUint(decoder)
}

function checkFrame(bytes: Uint8Array): void {
  if (bytes.length < 4 + TRAILER_BYTES || bytes.length > BATCH_BYTES_MAX) {
    throw new TallymeshError('BATCH_DAMAGED', `a batch has ${bytes.length} bytes, outside 16 to ${BATCH_BYTES_MAX}`)
  }
  const body = bytes.length - 4
  const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(body, true)
  if (bytes[0] !== BATCH_TAG || stored !== crc32(bytes, 0, body)) {
    throw new TallymeshError('BATCH_DAMAGED', 'a batch fails its checksum')
  }
  if (bytes[1] !== BATCH_VERSION) {
    throw new TallymeshError(
      'BATCH_UNSUPPORTED',
      `a batch has format version ${bytes[1]}, this version of tallymesh reads ${BATCH_VERSION}; upgrade this node`,
    )
  }
}

function readBatch(bytes: Uint8Array, known: KnownKeys): Batch {
  const end = bytes.length - TRAILER_BYTES
  const decoder = decoding.createDecoder(bytes.subarray(0, end))
  decoder.pos = 2
  const head = decoding.readVarUint(decoder)
  const count = decoding.readVarUint(decoder)
  if (count > BATCH_ENTRIES_MAX) throw new TallymeshError('BATCH_DAMAGED', `a batch holds ${count} entries`)
  const entries: HashedEntry[] = []
  for (let i = 0; i < count; i++) {
    const start = decoder.pos
    const entry = readEntry(decoder, known)
    entries.push({ entry, lo: hashLo(bytes, start, decoder.pos), hi: hashHi(bytes, start, decoder.pos) })
  }
  if (decoder.pos !== end) throw new TallymeshError('BATCH_DAMAGED', 'a batch has bytes after its entries')
  const digest = new Digest()
  const trailer = new DataView(bytes.buffer, bytes.byteOffset + end)
  digest.add(trailer.getUint32(0, true), trailer.getUint32(4, true))
  return { head, entries, digest }
}
