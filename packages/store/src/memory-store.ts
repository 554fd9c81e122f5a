import { crc32 } from 'node:zlib'
import {
  type CommitMark,
  type Random,
  type ReplicaId,
  type StoredLog,
  type StoreId,
  TallymeshError,
} from '@tallymesh/crdt'
import { freshStoreId } from './creation.js'
import { Ledger } from './ledger.js'
import type { Store, StoreWrite } from './store.js'
import { WriteQueue, type WriteTarget } from './write-queue.js'

type Change = { log: ReplicaId; clock: number; value: Uint8Array | undefined }

/** What is durable of a memory store. It survives the store: a new one on the same disk finds it. */
export class MemoryDisk {
  id: StoreId | undefined
  room: string | undefined
  lastCommit: CommitMark | undefined
  readonly records = new Map<ReplicaId, Map<number, Uint8Array>>()
  /** The store that has the disk open. */
  owner: MemoryStore | undefined
  /** The next batch fails with this error and stores nothing. */
  failure: Error | undefined
  /** Waited for before each batch becomes durable; a rejection fails the batch. */
  sync: (() => Promise<void>) | undefined

  /** A copy of the content as it is now: a backup, or a cloned disk. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk()
    copy.id = this.id
    copy.room = this.room
    copy.lastCommit = this.lastCommit
    for (const [log, records] of this.records) copy.records.set(log, new Map(records))
    return copy
  }
}

export interface MemoryStoreOptions {
  readonly room: string
  /** Makes the store id of a new disk. */
  readonly random: Random
  /** Default: a new disk. */
  readonly disk?: MemoryDisk
}

/** A store in memory, for tests and simulations: durable is what its disk holds. */
export class MemoryStore implements Store, WriteTarget {
  readonly disk: MemoryDisk
  readonly id: StoreId
  readonly created: boolean
  readonly damage: readonly string[] = []
  readonly #queue = new WriteQueue('the memory store', this)
  #ledger: Ledger
  #staged: Change[] = []
  #stagedCommit: CommitMark | undefined
  #status: 'open' | 'closing' | 'closed' = 'open'

  /** @throws TallymeshError STORE_LOCKED, STORE_WRONG_ROOM */
  constructor({ room, random, disk = new MemoryDisk() }: MemoryStoreOptions) {
    if (disk.owner) throw new TallymeshError('STORE_LOCKED', 'the memory disk is open already; close its store first')
    disk.room ??= room
    if (disk.room !== room) {
      throw new TallymeshError('STORE_WRONG_ROOM', `the memory disk belongs to the room ${disk.room}, not to ${room}`)
    }
    this.disk = disk
    this.created = disk.id === undefined
    disk.id ??= freshStoreId(random)
    this.id = disk.id
    disk.owner = this
    this.#ledger = ledgerOf(disk)
  }

  get lastCommit(): CommitMark | undefined {
    return this.disk.lastCommit
  }

  async *load(): AsyncGenerator<StoredLog> {
    this.#checkOpen()
    const logs = await this.#queue.between(() =>
      [...this.#ledger.logs].map(log => {
        const records = this.disk.records.get(log)
        return { log, updates: this.#ledger.places(log).map(clock => records?.get(clock) as Uint8Array) }
      }),
    )
    for (const log of logs) {
      if (this.#status === 'closed') throw closedError()
      yield log
    }
  }

  async write(write: StoreWrite): Promise<void> {
    this.#checkOpen()
    await this.#queue.add(write)
  }

  stage(write: StoreWrite): void {
    this.#ledger.check(write)
    this.#ledger.apply(write, {
      put: (log, clock, update) => this.#staged.push({ log, clock, value: update.slice() }),
      delete: (log, clock) => this.#staged.push({ log, clock, value: undefined }),
    })
    this.#stagedCommit = write.commit ?? this.#stagedCommit
  }

  async flush(): Promise<void> {
    const { disk } = this
    const failure = disk.failure
    disk.failure = undefined
    await disk.sync?.()
    if (failure) throw failure
    // A batch that was under way when the store crashed never becomes durable.
    if (disk.owner !== this) return new Promise<void>(() => undefined)
    for (const { log, clock, value } of this.#staged.splice(0)) change(disk, log, clock, value)
    disk.lastCommit = this.#stagedCommit ?? disk.lastCommit
    this.#stagedCommit = undefined
  }

  async reopen(): Promise<void> {
    this.#checkOpen()
    await this.#queue.stop(new Error('the store is being reopened'))
    this.#staged = []
    this.#stagedCommit = undefined
    this.#ledger = ledgerOf(this.disk)
    this.#queue.resume()
  }

  async close(): Promise<void> {
    if (this.#status === 'open') this.#status = 'closing'
    await this.#queue.idle()
    this.#status = 'closed'
    if (this.disk.owner === this) this.disk.owner = undefined
  }

  /** Dies as by a power cut: writes that are not durable never settle, and the disk is free for another store. */
  crash(): void {
    this.#status = 'closed'
    if (this.disk.owner === this) this.disk.owner = undefined
  }

  #checkOpen(): void {
    if (this.#status !== 'open') throw closedError()
  }
}

function closedError(): TallymeshError {
  return new TallymeshError('STORE_CLOSED', 'the memory store is closed')
}

function change(disk: MemoryDisk, log: ReplicaId, clock: number, value: Uint8Array | undefined): void {
  const records = disk.records.get(log) ?? new Map<number, Uint8Array>()
  if (value) records.set(clock, value)
  else records.delete(clock)
  if (records.size > 0) disk.records.set(log, records)
  else disk.records.delete(log)
}

function ledgerOf(disk: MemoryDisk): Ledger {
  const ledger = new Ledger()
  for (const [log, records] of disk.records) {
    const clocks = [...records.keys()].sort((a, b) => a - b)
    for (const clock of clocks) ledger.enter(log, clock, crc32(records.get(clock) as Uint8Array))
  }
  return ledger
}
