import { ByteReader } from './byte-reader.js'
import { crc32c, unmaskCrc } from './crc32c.js'
import { expandSnappy } from './snappy.js'

const FOOTER_BYTES = 48
const TRAILER_BYTES = 5
const MAGIC = Buffer.from('57fb808b247547db', 'hex')
const BLOCK_BYTES_MAX = 64 * 1024 * 1024

interface Handle {
  readonly offset: number
  readonly length: number
}

interface TableIndex {
  readonly data: readonly Handle[]
  readonly filters: readonly Handle[]
}

/** Verifies every block of a LevelDB table; LevelDB itself reads blocks unverified here, and a damaged one may end the
 *  process. Format: leveldb/doc/table_format.md.
 *  @returns what is damaged and where, a sentence each */
export function checkTable(bytes: Uint8Array): string[] {
  let index: TableIndex
  try {
    index = indexOf(bytes)
  } catch (error) {
    return [`its index cannot be read (${(error as Error).message})`]
  }
  return [...index.data, ...index.filters]
    .filter(handle => !intact(bytes, handle))
    .map(handle => `the block at byte ${handle.offset} fails its checksum`)
}

/** The entries of all whole blocks of a table that may be damaged: internal keys and values. */
export function* readTable(bytes: Uint8Array): Generator<[key: Uint8Array, value: Uint8Array]> {
  let blocks: readonly Handle[] = []
  try {
    blocks = indexOf(bytes).data
  } catch {
    // Without its index nobody knows where the blocks are.
  }
  for (const handle of blocks) {
    if (intact(bytes, handle)) yield* entriesOf(openBlock(bytes, handle))
  }
}

function indexOf(bytes: Uint8Array): TableIndex {
  const footer = bytes.length - FOOTER_BYTES
  if (footer < 0 || !MAGIC.equals(bytes.subarray(bytes.length - MAGIC.length))) throw new Error('it is no table')
  const reader = new ByteReader(bytes, footer)
  const metaIndex = handleOf(reader)
  const index = handleOf(reader)
  return { data: handlesIn(bytes, index), filters: handlesIn(bytes, metaIndex) }
}

/** The handles that are the values of a block's entries. */
function handlesIn(bytes: Uint8Array, handle: Handle): Handle[] {
  const handles: Handle[] = []
  for (const [, value] of entriesOf(openBlock(bytes, handle))) handles.push(handleOf(new ByteReader(value)))
  for (const found of handles) checkInside(bytes, found)
  return handles
}

function openBlock(bytes: Uint8Array, handle: Handle): Uint8Array {
  checkInside(bytes, handle)
  if (!intact(bytes, handle)) throw new Error(`the block at byte ${handle.offset} fails its checksum`)
  const body = bytes.subarray(handle.offset, handle.offset + handle.length)
  return bytes[handle.offset + handle.length] === 1 ? expandSnappy(body, BLOCK_BYTES_MAX) : body
}

function checkInside(bytes: Uint8Array, { offset, length }: Handle): void {
  if (offset + length + TRAILER_BYTES > bytes.length - FOOTER_BYTES) throw new Error('a block lies outside')
}

function intact(bytes: Uint8Array, { offset, length }: Handle): boolean {
  const end = offset + length
  const stored = new DataView(bytes.buffer, bytes.byteOffset + end + 1, 4).getUint32(0, true)
  return crc32c(bytes, offset, end + 1) === unmaskCrc(stored)
}

function* entriesOf(block: Uint8Array): Generator<[key: Uint8Array, value: Uint8Array]> {
  const view = new DataView(block.buffer, block.byteOffset, block.length)
  const end = block.length - 4 - view.getUint32(block.length - 4, true) * 4
  const reader = new ByteReader(block)
  let key: Uint8Array = new Uint8Array()
  while (reader.at < end) {
    const shared = reader.varint()
    const keyBytes = reader.varint()
    const valueBytes = reader.varint()
    // A key is stored without what it shares with the one before.
    key = Buffer.concat([key.subarray(0, shared), reader.take(keyBytes)])
    yield [key, reader.take(valueBytes)]
  }
}

function handleOf(reader: ByteReader): Handle {
  return { offset: reader.varint(), length: reader.varint() }
}
