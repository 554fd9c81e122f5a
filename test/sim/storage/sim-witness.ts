import type { CommitMark, StoreId } from '@tallymesh/crdt'
import { decodeWitness, encodeWitness, type WitnessPort, type WitnessReading } from '@tallymesh/store'

/** The part of a machine that lives as long as its boot: witness files, and locks that go with their processes. */
export class SimMemory {
  #boots = 1
  readonly #files = new Map<StoreId, Uint8Array>()
  readonly #places = new Map<string, StoreId>()
  readonly #locks = new Map<StoreId, SimWitness>()

  /** As long as the kernel's. */
  get bootId(): string {
    return `${this.#boots}`.padStart(8, '0').concat('-0000-4000-8000-', '0'.repeat(12))
  }

  /** @param keeps the files outlive the boot: somebody put the directory where it does not belong */
  reboot(keeps = false): void {
    this.#boots++
    if (!keeps) this.#files.clear()
    this.#places.clear()
    this.#locks.clear()
  }

  /** What the witness of a store says now, as bytes. */
  capture(store: StoreId): Uint8Array | undefined {
    return this.#files.get(store)
  }

  /** Puts a witness to what it says from now on. @param bytes never change */
  put(store: StoreId, bytes: Uint8Array | undefined): void {
    if (bytes) this.#files.set(store, bytes)
    else this.#files.delete(store)
  }

  /** @returns false where another process holds it */
  lock(store: StoreId, owner: SimWitness): boolean {
    if (this.#locks.has(store)) return false
    this.#locks.set(store, owner)
    return true
  }

  unlock(store: StoreId, owner: SimWitness): void {
    if (this.#locks.get(store) === owner) this.#locks.delete(store)
  }

  /** Notes which store lies in a place; answers the one that lay there before, if it is another. */
  remember(place: string, store: StoreId): StoreId | undefined {
    const before = this.#places.get(place)
    this.#places.set(place, store)
    return before === store ? undefined : before
  }
}

export interface SimWitnessOptions {
  readonly store: StoreId
  /** The data directory. */
  readonly place: string
  /** Whether the store was made just now. */
  readonly created: boolean
  /** Called when a mark is written; it may end the process. */
  readonly written?: () => void
}

/** The witness of a store in the memory of a simulated machine, with the record of the real one. */
export class SimWitness implements WitnessPort {
  readonly held: boolean
  reason: string | undefined
  readonly wiped: StoreId | undefined
  readonly #reading: WitnessReading

  constructor(
    readonly memory: SimMemory,
    readonly options: SimWitnessOptions,
  ) {
    const { store, place, created } = options
    this.held = memory.lock(store, this)
    if (!this.held) this.reason = `another process on this machine has a store of the id ${store} open`
    const bytes = this.held ? memory.capture(store) : undefined
    this.#reading = bytes ? decodeWitness(Buffer.from(bytes), store, memory.bootId) : { state: 'none' }
    const before = this.held ? memory.remember(place, store) : undefined
    this.wiped = created ? before : undefined
  }

  get available(): boolean {
    return this.reason === undefined
  }

  read(): WitnessReading {
    return this.#reading
  }

  write(mark: CommitMark): void {
    if (!this.available) return
    const { store, written } = this.options
    this.memory.put(store, encodeWitness({ ...mark, store, bootId: this.memory.bootId }))
    written?.()
  }

  async close(): Promise<void> {
    this.kill()
  }

  /** The process is gone. */
  kill(): void {
    this.reason ??= 'the witness is closed'
    this.memory.unlock(this.options.store, this)
  }
}
