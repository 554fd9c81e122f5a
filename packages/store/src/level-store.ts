import { join } from 'node:path'
import { type CommitMark, type Random, type StoredLog, type StoreId, TallymeshError } from '@tallymesh/crdt'
import { systemRandom } from './creation.js'
import { Database, levelReason } from './database.js'
import { DATABASE, LOCK, prepareDirectory, surveyDirectory, unusable } from './directory.js'
import { DirectoryLock } from './directory-lock.js'
import type { LevelOperation } from './durable-level.js'
import { Journal } from './journal.js'
import { encodeMeta, META_KEY } from './meta.js'
import { lockedError, type Opened, type Opening, openStore } from './opening.js'
import { readLogs } from './reading.js'
import { recordKey } from './record-key.js'
import type { Store, StoreWrite } from './store.js'
import { WriteQueue, type WriteTarget } from './write-queue.js'

/** LevelDB never shortens its manifest and its own journal while it is open; together they gain some 2,600 bytes for each megabyte
 *  written, so they stay below half a megabyte. */
const RENEW_BYTES = 128 * 1024 * 1024

export interface LevelStoreOptions {
  /** The data directory; made, with its parents, if it is missing. */
  readonly dir: string
  readonly room: string
  /** Makes the store id. Default: the operating system's randomness. */
  readonly random?: Random
  /** Opens a damaged store with what can still be read; the damaged files stay beside it. Default: refuse. */
  readonly salvage?: boolean
  /** LevelDB is reopened after so many written bytes, between two writes. Default: 128 MiB */
  readonly renewBytes?: number
}

/** Opens the store in `dir`, made if there is none, and verifies every byte of it.
 *  @throws TallymeshError STORE_LOCKED, STORE_UNUSABLE, STORE_CORRUPT, STORE_UNSUPPORTED, STORE_WRONG_ROOM */
export async function openLevelStore(options: LevelStoreOptions): Promise<Store> {
  const dir = await prepareDirectory(options.dir)
  // Before the lock is made: a directory of somebody else is left as it is.
  await surveyDirectory(dir)
  const lock = await takeLock(dir)
  const opening = {
    dir,
    room: options.room,
    random: options.random ?? systemRandom,
    salvage: options.salvage ?? false,
  }
  try {
    return new LevelStore(opening, lock, await openStore(opening), options.renewBytes ?? RENEW_BYTES)
  } catch (error) {
    await lock.release()
    throw error
  }
}

class LevelStore implements Store, WriteTarget {
  readonly created: boolean
  readonly #opening: Opening
  readonly #lock: DirectoryLock
  readonly #queue: WriteQueue
  readonly #renewBytes: number
  #opened: Opened
  #lastCommit: CommitMark | undefined
  #staged: LevelOperation[] = []
  #stagedCommit: CommitMark | undefined
  #readers = 0
  #reopening: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(opening: Opening, lock: DirectoryLock, opened: Opened, renewBytes: number) {
    this.#opening = opening
    this.#lock = lock
    this.#renewBytes = renewBytes
    this.#opened = opened
    this.#lastCommit = opened.meta.lastCommit
    this.created = opened.created
    this.#queue = new WriteQueue(opening.dir, this)
  }

  get id(): StoreId {
    return this.#opened.meta.id
  }

  get lastCommit(): CommitMark | undefined {
    return this.#lastCommit
  }

  get damage(): readonly string[] {
    return this.#opened.damage.sentences
  }

  async *load(): AsyncGenerator<StoredLog> {
    this.#checkOpen()
    this.#readers += 1
    try {
      yield* await this.#queue.between(() => {
        const { database, ledger, damage } = this.#opened
        const plans = [...ledger.logs].map(log => ({ log, places: ledger.places(log), damage: damage.of(log) }))
        return readLogs(database, database.level.snapshot(), plans)
      })
    } catch (error) {
      if (error instanceof TallymeshError) throw error
      const { code, text } = levelReason(error)
      if (/NOT_OPEN$|ABORTED$/.test(code)) throw this.#closedError(error)
      throw unusable(this.#opening.dir, new Error(text, { cause: error }))
    } finally {
      this.#readers -= 1
    }
  }

  async write(write: StoreWrite): Promise<void> {
    this.#checkOpen()
    await this.#queue.add(write)
  }

  stage(write: StoreWrite): void {
    const { ledger } = this.#opened
    ledger.check(write)
    ledger.apply(write, {
      put: (log, clock, value) => this.#staged.push({ type: 'put', key: recordKey(log, clock), value }),
      delete: (log, clock) => this.#staged.push({ type: 'del', key: recordKey(log, clock) }),
    })
    this.#stagedCommit = write.commit ?? this.#stagedCommit
  }

  async flush(): Promise<void> {
    const operations = this.#staged
    this.#staged = []
    const lastCommit = this.#stagedCommit ?? this.#lastCommit
    this.#stagedCommit = undefined
    const { ledger, meta } = this.#opened
    // The meta record comes last: it marks the end of a batch that was written whole.
    operations.push({ type: 'put', key: META_KEY, value: encodeMeta({ ...meta, lastCommit, summary: ledger.summary }) })
    if (this.#opened.database.writtenBytes > this.#renewBytes && this.#readers === 0) await this.#renew()
    await this.#opened.database.batch(operations)
    this.#lastCommit = lastCommit
  }

  reopen(): Promise<void> {
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined
    })
    return this.#reopening
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #reopen(): Promise<void> {
    this.#checkOpen()
    await this.#queue.stop(new Error('the store is being reopened'))
    await this.#opened.database.close()
    this.#staged = []
    this.#stagedCommit = undefined
    this.#opened = await openStore(this.#opening)
    this.#lastCommit = this.#opened.meta.lastCommit
    this.#queue.resume()
  }

  async #renew(): Promise<void> {
    await this.#opened.database.close()
    const path = join(this.#opening.dir, DATABASE)
    this.#opened = { ...this.#opened, database: await Database.open(path, await Journal.read(path)) }
  }

  async #close(): Promise<void> {
    await this.#reopening?.catch(() => undefined)
    await this.#queue.idle()
    try {
      await this.#opened.database.close()
    } finally {
      await this.#lock.release()
    }
  }

  #checkOpen(): void {
    if (this.#closing) throw this.#closedError()
  }

  #closedError(cause?: unknown): TallymeshError {
    return new TallymeshError('STORE_CLOSED', `the store in ${this.#opening.dir} is closed`, { cause })
  }
}

async function takeLock(dir: string): Promise<DirectoryLock> {
  let lock: DirectoryLock | undefined
  try {
    lock = await DirectoryLock.take(join(dir, LOCK))
  } catch (cause) {
    throw unusable(dir, new Error(levelReason(cause).text, { cause }))
  }
  if (!lock) throw lockedError(dir)
  return lock
}
