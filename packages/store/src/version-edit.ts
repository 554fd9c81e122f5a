import { ByteReader } from './byte-reader.js'

/** Which files make up a LevelDB database, by its manifest. */
export interface LevelVersion {
  /** Write-ahead logs from this number on are live; 0 where none is named. */
  readonly logNumber: number
  /** Live tables: number to length in bytes. */
  readonly tables: ReadonlyMap<number, number>
}

/** Plays the records of a manifest. Format: leveldb/db/version_edit.cc.
 *  @throws Error where a record breaks the format */
export function readVersion(records: readonly Uint8Array[]): LevelVersion {
  const tables = new Map<number, number>()
  let logNumber = 0
  for (const record of records) {
    const reader = new ByteReader(record)
    const deleted: number[] = []
    const added: [number, number][] = []
    while (!reader.done) {
      const tag = reader.varint()
      if (tag === 1) reader.text()
      else if (tag === 2) logNumber = reader.varint()
      else if (tag === 3 || tag === 4 || tag === 9) reader.varint()
      else if (tag === 5) {
        reader.varint()
        reader.text()
      } else if (tag === 6) {
        reader.varint()
        deleted.push(reader.varint())
      } else if (tag === 7) {
        reader.varint()
        added.push([reader.varint(), reader.varint()])
        reader.text()
        reader.text()
      } else throw new Error(`unknown tag ${tag}`)
    }
    // A table that moves between levels is deleted and added in one record.
    for (const number of deleted) tables.delete(number)
    for (const [number, length] of added) tables.set(number, length)
  }
  return { logNumber, tables }
}
