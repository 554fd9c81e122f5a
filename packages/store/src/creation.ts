import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Random, StoreId } from '@tallymesh/crdt'
import { Database } from './database.js'
import { syncDirectory } from './directory.js'
import type { LevelOperation } from './durable-level.js'
import { encodeMeta, META_KEY, type Meta } from './meta.js'
import { Summary } from './summary.js'

/** Puts records into a database that is being made. */
export type Put = (operations: LevelOperation[]) => Promise<void>

/** Makes a database beside its place and returns its path when all of it is durable, ready to be moved there: LevelDB
 *  cannot open one that a power failure left half made.
 *  @param fill puts records in and says what the meta record is to hold */
export async function buildDatabase(dir: string, random: Random, fill: (put: Put) => Promise<Meta>): Promise<string> {
  const path = join(dir, `db.new-${freshStoreId(random).slice(0, 8)}`)
  const database = await Database.create(path)
  try {
    const meta = await fill(operations => database.batch(operations))
    await database.batch([{ type: 'put', key: META_KEY, value: encodeMeta(meta) }])
  } finally {
    await database.close()
  }
  await syncDirectory(path)
  return path
}

/** The meta record of a store that holds nothing yet. */
export function freshMeta(room: string, random: Random): Meta {
  return { id: freshStoreId(random), room, lastCommit: undefined, summary: new Summary() }
}

export function freshStoreId(random: Random): StoreId {
  const word = () => Math.floor(random() * 2 ** 32)
  return Array.from({ length: 4 }, () => word().toString(16).padStart(8, '0')).join('') as StoreId
}

/** The operating system's randomness, with 53 bits. */
export function systemRandom(): number {
  const bytes = randomBytes(8)
  return ((bytes.readUInt32LE(0) >>> 5) * 2 ** 26 + (bytes.readUInt32LE(4) >>> 6)) / 2 ** 53
}
