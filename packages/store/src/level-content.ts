import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ByteReader } from './byte-reader.js'
import type { FileReport } from './level-files.js'
import { readLevelLog } from './level-log.js'
import { readTable } from './level-table.js'

const DELETION = 0
const BATCH_HEADER_BYTES = 12
const TAG_BYTES = 8

interface Version {
  readonly key: Buffer
  readonly sequence: number
  /** Undefined where the newest thing known of the key is that it was deleted. */
  readonly value: Buffer | undefined
}

/** Reads a damaged database without LevelDB, which asserts its way through damaged blocks and takes the process down:
 *  of every key the newest version that lies in a whole block or a whole record of a log. All of it is held in memory.
 *  @returns entries in key order */
export async function readLevelContent(dir: string, files: FileReport): Promise<[key: Buffer, value: Buffer][]> {
  const newest = new Map<string, Version>()
  const add = (key: Uint8Array, sequence: number, value: Uint8Array | undefined) => {
    const name = Buffer.from(key).toString('latin1')
    if ((newest.get(name)?.sequence ?? -1) >= sequence) return
    // Copies: the file that they lie in is not to be held as a whole.
    newest.set(name, { key: Buffer.from(key), sequence, value: value && Buffer.from(value) })
  }
  for (const name of files.tables) {
    for (const [key, value] of readTable(await readFile(join(dir, name)))) {
      const tag = Buffer.from(key.subarray(key.length - TAG_BYTES))
      add(key.subarray(0, key.length - TAG_BYTES), readSequence(tag, 1), tag[0] === DELETION ? undefined : value)
    }
  }
  for (const name of files.logs) {
    for (const record of readLevelLog(await readFile(join(dir, name))).records) readBatch(record, add)
  }
  return [...newest.values()]
    .flatMap(({ key, value }): [Buffer, Buffer][] => (value ? [[key, value]] : []))
    .sort(([a], [b]) => Buffer.compare(a, b))
}

/** Plays a record of a write-ahead log. Format: leveldb/db/write_batch.cc.
 *  @param add is given each put and, without a value, each deletion, in order
 *  @throws Error where the record breaks the format */
export function readBatch(
  record: Uint8Array,
  add: (key: Uint8Array, sequence: number, value?: Uint8Array) => void,
): void {
  let sequence = readSequence(Buffer.from(record.subarray(0, TAG_BYTES)), 0)
  const reader = new ByteReader(record, BATCH_HEADER_BYTES)
  while (!reader.done) {
    if (reader.byte() === DELETION) add(reader.text(), sequence)
    else add(reader.text(), sequence, reader.text())
    sequence += 1
  }
}

/** Sequences have 56 bits; they stay far below 2^53. */
function readSequence(bytes: Buffer, at: number): number {
  return bytes.readUIntLE(at, 6) + (bytes[at + 6] as number) * 2 ** 48
}
