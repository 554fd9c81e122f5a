import {
  type AdoptedEntry,
  entryIdentity,
  type OperationEntry,
  type OperationId,
  type OtherEntry,
} from '@tallymesh/crdt'
import { joinEntries } from './carried.js'

/** Entries that are not counts and wait for a commit: members, adoptions, forks, operations. */
export class ExtraEntries {
  readonly #waiting = new Map<string, OtherEntry>()
  /** How many, the first ones, belong to commits that no longer take increments. */
  #backlog = 0
  /** How many of them are operations. */
  operations = 0
  /** The largest amount in them, or in some that were taken since. */
  largest = 0

  /** Adds an entry to those of its identity. */
  add(entry: OtherEntry): void {
    const identity = entryIdentity(entry)
    const waiting = this.#waiting.get(identity)
    if (!waiting && entry.kind === 'operation') {
      this.operations++
      for (const { p, n } of entry.counts) this.largest = Math.max(this.largest, p, n)
    }
    this.#waiting.set(identity, waiting ? joinEntries(waiting, entry) : entry)
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Whether entries of a commit that no longer takes increments wait. */
  get draining(): boolean {
    return this.#backlog > 0
  }

  values(): IterableIterator<OtherEntry> {
    return this.#waiting.values()
  }

  /** The operation of this id that waits. */
  operation(id: OperationId): OperationEntry | undefined {
    const entry = this.#waiting.get(id)
    return entry?.kind === 'operation' ? entry : undefined
  }

  /** Whether at least so much of a slot is going to be adopted. */
  adopts(slot: AdoptedEntry): boolean {
    const waiting = this.#waiting.get(entryIdentity(slot))
    return waiting?.kind === 'adopted' && waiting.p >= slot.p && waiting.n >= slot.n
  }

  /** What comes from now on belongs to the next commit. */
  close(): void {
    this.#backlog = this.#waiting.size
  }

  /** Takes the first `count`. */
  take(count: number): OtherEntry[] {
    const taken: OtherEntry[] = []
    for (const [identity, entry] of this.#waiting) {
      if (taken.length >= count) break
      taken.push(entry)
      this.#waiting.delete(identity)
      if (entry.kind === 'operation') this.operations--
    }
    this.#backlog = Math.max(0, this.#backlog - taken.length)
    if (this.operations === 0) this.largest = 0
    return taken
  }
}
