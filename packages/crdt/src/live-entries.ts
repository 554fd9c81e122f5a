import type { HashedEntry } from './batch.js'
import { Digest } from './digest.js'
import { entryIdentity } from './entry.js'
import { removedBy } from './ledger-entry.js'
import { roomFor } from './row-index.js'

/** For each identity in a log, where its live entry stands and what that entry hashes to; and for each element, how many of
 *  its entries are live. Kept up in O(1) an entry. The digest is the sum of the hashes of all live entries. */
export class LiveEntries {
  readonly digest = new Digest()
  readonly #rows = new Map<string, number>()
  #clocks = new Float64Array(8)
  #lo = new Uint32Array(8)
  #hi = new Uint32Array(8)
  readonly #liveAt = new Map<number, number>()
  /** Rows of identities that were deleted. */
  readonly #free: number[] = []

  /** How many entries are live. */
  get size(): number {
    return this.#rows.size
  }

  /** The clock of the element that holds the live entry of `identity`, or -1. */
  clockOf(identity: string): number {
    const row = this.#row(identity)
    return row === -1 ? -1 : (this.#clocks[row] as number)
  }

  /** How many entries of the elements in [from, to) are live. Takes the shorter way: a hostile range may be 2^48 long. */
  liveIn(from: number, to: number): number {
    let live = 0
    if (to - from < this.#liveAt.size) {
      for (let clock = from; clock < to; clock++) live += this.#liveAt.get(clock) ?? 0
    } else {
      for (const [clock, count] of this.#liveAt) if (clock >= from && clock < to) live += count
    }
    return live
  }

  /** Takes the hash of the live entry of `identity`, if there is one, out of a digest. */
  subtract(identity: string, from: Digest): void {
    const row = this.#row(identity)
    if (row !== -1) from.subtract(this.#lo[row] as number, this.#hi[row] as number)
  }

  /** An entry of the element at `clock`. */
  take({ entry, lo, hi }: HashedEntry, clock: number): void {
    if (entry.kind !== 'drop') this.set(entryIdentity(entry), clock, lo, hi)
    for (const identity of removedBy(entry)) this.delete(identity)
  }

  /** The entry of `identity` in the element at `clock` is now the live one. */
  set(identity: string, clock: number, lo: number, hi: number): void {
    let row = this.#row(identity)
    if (row === -1) row = this.#add(identity)
    else {
      this.digest.subtract(this.#lo[row] as number, this.#hi[row] as number)
      this.#count(this.#clocks[row] as number, -1)
    }
    this.digest.add(lo, hi)
    this.#clocks[row] = clock
    this.#lo[row] = lo
    this.#hi[row] = hi
    this.#count(clock, 1)
  }

  /** Nothing of `identity` is live any more. */
  delete(identity: string): void {
    const row = this.#row(identity)
    if (row === -1) return
    this.digest.subtract(this.#lo[row] as number, this.#hi[row] as number)
    this.#count(this.#clocks[row] as number, -1)
    this.#rows.delete(identity)
    this.#free.push(row)
  }

  /** The identities whose live entries stand in elements below the clock `to`. O(live), unless there are none. */
  identitiesBelow(to: number): readonly string[] {
    if (this.liveIn(0, to) === 0) return []
    return [...this.#rows].filter(([, row]) => (this.#clocks[row] as number) < to).map(([identity]) => identity)
  }

  #row(identity: string): number {
    return this.#rows.get(identity) ?? -1
  }

  #add(identity: string): number {
    const row = this.#free.pop() ?? this.#rows.size
    this.#rows.set(identity, row)
    this.#clocks = roomFor(this.#clocks, row)
    this.#lo = roomFor(this.#lo, row)
    this.#hi = roomFor(this.#hi, row)
    return row
  }

  #count(clock: number, by: number): void {
    const count = (this.#liveAt.get(clock) ?? 0) + by
    if (count > 0) this.#liveAt.set(clock, count)
    else this.#liveAt.delete(clock)
  }
}
