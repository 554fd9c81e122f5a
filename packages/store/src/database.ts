import { LeveldbPersistence } from 'y-leveldb'
import { Compaction } from './compaction.js'
import { syncPath } from './directory.js'
import { DurableLevel, type LevelOperation } from './durable-level.js'
import type { Journal } from './journal.js'

// What is live is written anew for every four of these: see `Compaction`.
const WRITE_BUFFER_BYTES = 2 * 1024 * 1024
const LEVEL_OPTIONS = {
  writeBufferSize: WRITE_BUFFER_BYTES,
  maxFileSize: 1024 * 1024,
  cacheSize: 512 * 1024,
}
const READ_AHEAD_BYTES = 256 * 1024
// What a key and LevelDB's own framing add to each operation, about.
const OPERATION_BYTES = 64

export type Snapshot = ReturnType<DurableLevel['snapshot']>

/** A part of a database, at one moment. */
export interface Range {
  readonly gte?: Buffer
  readonly lt?: Buffer
  readonly snapshot?: Snapshot
}

/** An open LevelDB database behind y-leveldb. */
export class Database {
  readonly #persistence: LeveldbPersistence
  readonly level: DurableLevel
  readonly #compaction: Compaction
  /** Since it was opened, about. */
  writtenBytes = 0

  private constructor(persistence: LeveldbPersistence, level: DurableLevel) {
    this.#persistence = persistence
    this.level = level
    this.#compaction = new Compaction(level)
  }

  /** @throws Error of classic-level or of the file system, also where the database exists */
  static create(path: string): Promise<Database> {
    return Database.#open(path, { createIfMissing: true, errorIfExists: true })
  }

  /** @param journal what the database's write-ahead logs hold now; it is in the database afterwards, even where LevelDB
   *    could not read them
   *  @throws Error of classic-level or of the file system, or that counts were lost; nothing stays open */
  static open(path: string, journal: Journal): Promise<Database> {
    return Database.#open(path, { createIfMissing: false }, journal)
  }

  static async #open(path: string, options: object, journal?: Journal): Promise<Database> {
    const levelOptions = { ...LEVEL_OPTIONS, ...options }
    const persistence = new LeveldbPersistence(path, { Level: DurableLevel as never, levelOptions })
    const level = await transact(persistence, async level => {
      await level.open()
      return level
    })
    const database = new Database(persistence, level)
    try {
      if (journal) await transact(persistence, level => journal.restore(level))
      // LevelDB renames its CURRENT file into place and leaves the directory unsynced.
      await syncPath(path)
    } catch (error) {
      // Left open, it would hold LevelDB's lock for as long as the process lives.
      await database.close()
      throw error
    }
    return database
  }

  /** Makes all operations durable in one atomic batch. */
  async batch(operations: LevelOperation[]): Promise<void> {
    await transact(this.#persistence, level => level.write(operations))
    let bytes = 0
    for (const operation of operations)
      bytes += OPERATION_BYTES + (operation.type === 'put' ? operation.value.length : 0)
    this.writtenBytes += bytes
    this.#compaction.wrote(bytes)
  }

  /** Entries as they lie on disk, in key order.
   *  @throws Error of classic-level */
  async *entries(range: Range = {}): AsyncGenerator<[Buffer, Buffer]> {
    const iterator = this.level.iterator<Buffer, Buffer>({
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      highWaterMarkBytes: READ_AHEAD_BYTES,
      ...range,
    })
    try {
      for (;;) {
        const chunk = await iterator.nextv(1000)
        if (chunk.length === 0) return
        yield* chunk
      }
    } finally {
      await iterator.close()
    }
  }

  close(): Promise<void> {
    return transact(this.#persistence, level => level.close())
  }
}

/** y-leveldb swallows what a transaction throws and prints it; so it is taken out inside. */
async function transact<T>(persistence: LeveldbPersistence, f: (level: DurableLevel) => Promise<T>): Promise<T> {
  let outcome: { value: T } | { error: unknown } | undefined
  await persistence._transact(async level => {
    try {
      outcome = { value: await f(level as DurableLevel) }
    } catch (error) {
      outcome = { error }
    }
  })
  if (outcome && 'value' in outcome) return outcome.value
  throw outcome?.error ?? new Error('y-leveldb did not run the transaction')
}

/** What classic-level says lies beneath `error`: its stable code and the text of LevelDB. */
export function levelReason(error: unknown): { code: string; text: string } {
  const { code, cause, message } = error as { code?: string; cause?: unknown; message?: string }
  if (cause instanceof Error && code === 'LEVEL_DATABASE_NOT_OPEN') return levelReason(cause)
  return { code: code ?? '', text: message ?? String(error) }
}
