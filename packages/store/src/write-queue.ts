import { TallymeshError } from '@tallymesh/crdt'
import { levelReason } from './database.js'
import type { StoreWrite } from './store.js'

// Bounds what one batch holds in memory, and how long the writes behind it wait.
const BATCH_BYTES_MAX = 1024 * 1024

/** What a queue drives. */
export interface WriteTarget {
  /** Takes a write into the next batch.
   *  @throws TallymeshError where the write is not allowed; nothing is taken then */
  stage(write: StoreWrite): void
  /** Makes all staged writes durable, in one atomic batch. */
  flush(): Promise<void>
}

interface Pending {
  readonly write: StoreWrite
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Writes in the order of the calls, one batch at a time: what arrives while a batch is being synced shares the next one.
 *  After a failed batch everything is refused until `resume`. */
export class WriteQueue {
  readonly #place: string
  readonly #target: WriteTarget
  #pending: Pending[] = []
  #between: (() => void)[] = []
  #draining: Promise<void> | undefined
  #failure: { readonly cause: unknown } | undefined

  /** @param place how the store is called in messages */
  constructor(place: string, target: WriteTarget) {
    this.#place = place
    this.#target = target
  }

  /** Resolves when `write` is durable.
   *  @throws TallymeshError STORE_WRITE_FAILED, or what `stage` throws */
  add(write: StoreWrite): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ write, resolve, reject })
      this.#start()
    })
  }

  /** Runs `f` between two batches: nothing is staged then that is not durable.
   *  @throws TallymeshError STORE_WRITE_FAILED */
  between<T>(f: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#between.push(() => {
        try {
          if (this.#failure) throw this.#refusal()
          resolve(f())
        } catch (error) {
          reject(error as Error)
        }
      })
      this.#start()
    })
  }

  /** Waits until nothing is pending. */
  async idle(): Promise<void> {
    while (this.#draining) await this.#draining
  }

  /** Refuses later writes because of `cause` and waits for those under way. */
  async stop(cause: unknown): Promise<void> {
    await this.idle()
    this.#failure ??= { cause }
  }

  resume(): void {
    this.#failure = undefined
  }

  #start(): void {
    this.#draining ??= this.#drain()
  }

  async #drain(): Promise<void> {
    // What is written in the same turn shares the first batch.
    await undefined
    while (this.#pending.length > 0 || this.#between.length > 0) {
      for (const run of this.#between.splice(0)) run()
      if (this.#failure) this.#refuse(this.#pending.splice(0))
      else await this.#writeBatch(this.#take())
    }
    // In the same turn as the last look at the queue: a write that comes later starts anew.
    this.#draining = undefined
  }

  async #writeBatch(batch: readonly Pending[]): Promise<void> {
    if (batch.length === 0) return
    try {
      await this.#target.flush()
      for (const { resolve } of batch) resolve()
    } catch (cause) {
      this.#failure = { cause }
      this.#refuse(batch)
    }
  }

  #take(): Pending[] {
    const batch: Pending[] = []
    let bytes = 0
    let taken = 0
    for (const pending of this.#pending) {
      if (bytes >= BATCH_BYTES_MAX) break
      taken += 1
      try {
        this.#target.stage(pending.write)
        batch.push(pending)
        bytes += bytesOf(pending.write)
      } catch (error) {
        pending.reject(error as Error)
      }
    }
    this.#pending.splice(0, taken)
    return batch
  }

  #refuse(pending: readonly Pending[]): void {
    for (const { reject } of pending) reject(this.#refusal())
  }

  #refusal(): TallymeshError {
    const cause = this.#failure?.cause
    return new TallymeshError(
      'STORE_WRITE_FAILED',
      `a write to ${this.#place} failed (${levelReason(cause).text}); it may or may not be stored, and nothing more is ` +
        'written until the store is reopened; check the free space and the disk',
      { cause },
    )
  }
}

function bytesOf(write: StoreWrite): number {
  let bytes = 0
  for (const { append, head } of write.logs) bytes += (append?.update.length ?? 0) + (head?.update.length ?? 0)
  return bytes
}
