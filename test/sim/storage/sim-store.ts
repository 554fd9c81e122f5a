import {
  type CommitMark,
  type LogWrite,
  type ReplicaId,
  type StoredLog,
  type StoreId,
  showReplicaId,
  TallymeshError,
} from '@tallymesh/crdt'
import { Ledger, type Store, type StoreWrite, WriteQueue, type WriteTarget } from '@tallymesh/store'
import { type DiskState, recordsOf } from './disk-state.js'
import type { SimDisk } from './sim-disk.js'

/** Told of the ways of a process's writes; each may end the process. */
export interface StoreHooks {
  writing?(): void
  landed?(): void
}

export interface SimStoreOptions {
  readonly room: string
  /** Opens a damaged disk, and keeps what can be read. */
  readonly repair: boolean
  readonly hooks?: StoreHooks
}

const NOTHING = { put: () => {}, delete: () => {} }

/** A store on a simulated disk, with the queue and the ledger of the real one. */
export class SimStore implements Store, WriteTarget {
  readonly disk: SimDisk
  readonly created: boolean
  #damaged: ReadonlyMap<ReplicaId, number>
  #ledger: Ledger
  #lastCommit: CommitMark | undefined
  readonly #queue = new WriteQueue('the simulated disk', this)
  readonly #options: SimStoreOptions
  #writes: LogWrite[] = []
  #commit: CommitMark | undefined
  #dead = false
  #closed = false

  /** @throws TallymeshError STORE_LOCKED; STORE_CORRUPT where something is damaged, unless it may be repaired */
  constructor(disk: SimDisk, options: SimStoreOptions) {
    if (disk.owner) throw new TallymeshError('STORE_LOCKED', 'the simulated disk is open already')
    this.disk = disk
    this.created = !disk.used
    this.#options = options
    this.#damaged = this.#open()
    this.#ledger = ledgerOf(disk.content)
    this.#lastCommit = disk.mark
    disk.owner = this
  }

  get id(): StoreId {
    return this.disk.storeId
  }

  get lastCommit(): CommitMark | undefined {
    return this.#lastCommit
  }

  get damage(): readonly string[] {
    return [...this.#damaged].map(([log, count]) => `log ${showReplicaId(log)}: ${sentence(count)}`)
  }

  async *load(): AsyncGenerator<StoredLog> {
    this.#checkOpen()
    const logs = await this.#queue.between(() => [...this.disk.content.logs])
    for (const [log, stored] of logs) {
      if (this.#closed) throw closedError()
      const updates = recordsOf(stored).map(({ update }) => update)
      const count = this.#damaged.get(log)
      yield count === undefined ? { log, updates } : { log, updates, damage: sentence(count) }
    }
  }

  async write(write: StoreWrite): Promise<void> {
    this.#checkOpen()
    await this.#queue.add(write)
  }

  stage(write: StoreWrite): void {
    this.#ledger.check(write)
    this.#ledger.apply(write, NOTHING)
    for (const change of write.logs) this.#writes.push(owned(change))
    this.#commit = write.commit ?? this.#commit
  }

  flush(): Promise<void> {
    // What waited behind the last write of a process that is gone never begins.
    if (this.#dead) return new Promise(() => {})
    const writes = this.#writes.splice(0)
    const commit = this.#commit
    this.#commit = undefined
    const { hooks } = this.#options
    return new Promise((resolve, reject) => {
      this.disk.take(writes, commit, {
        writing: () => {
          if (!this.#dead) hooks?.writing?.()
          return !this.#dead
        },
        landed: () => {
          if (!this.#dead) hooks?.landed?.()
        },
        done: () => {
          if (this.#dead) return
          this.#lastCommit = commit ?? this.#lastCommit
          resolve()
        },
        failed: error => {
          if (!this.#dead) reject(error)
        },
      })
    })
  }

  async reopen(): Promise<void> {
    this.#checkOpen()
    await this.#queue.stop(new Error('the store is being reopened'))
    this.#writes = []
    this.#commit = undefined
    this.#damaged = this.#open()
    this.#ledger = ledgerOf(this.disk.content)
    this.#lastCommit = this.disk.mark
    this.#queue.resume()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#queue.idle()
    this.#release()
  }

  /** The process is gone: nothing of it settles any more. What was written stays written. */
  kill(): void {
    if (this.#dead) return
    this.#dead = true
    this.#closed = true
    this.#release()
  }

  #release(): void {
    if (this.disk.owner === this) this.disk.owner = undefined
  }

  #open(): ReadonlyMap<ReplicaId, number> {
    const { repair } = this.#options
    const { damaged } = this.disk.open(repair)
    if (damaged.size === 0 || repair) return damaged
    const text = [...damaged].map(([log, count]) => `log ${showReplicaId(log)}: ${sentence(count)}`).join('; ')
    throw new TallymeshError('STORE_CORRUPT', `the simulated disk is damaged: ${text}`)
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError()
  }
}

function sentence(count: number): string {
  return `${count} records fail their checksums`
}

function closedError(): TallymeshError {
  return new TallymeshError('STORE_CLOSED', 'the simulated store is closed')
}

/** The change with bytes of its own: the caller's may be views of something larger. */
function owned(change: LogWrite): LogWrite {
  const { append, head } = change
  return {
    ...change,
    ...(append ? { append: { ...append, update: append.update.slice() } } : {}),
    ...(head ? { head: { ...head, update: head.update.slice() } } : {}),
  }
}

function ledgerOf({ logs }: DiskState): Ledger {
  const ledger = new Ledger()
  for (const [log, { head, records }] of logs) {
    // Nobody asks for the sum over what was read: checksums of records found here are not needed.
    for (const { clock } of records) ledger.enter(log, clock, 0)
    // At clock 0 it takes the place of no record.
    if (head) ledger.apply({ logs: [{ log, head: { clock: 0, update: head.update } }] }, NOTHING)
  }
  return ledger
}
