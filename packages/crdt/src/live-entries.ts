import type { HashedEntry } from './batch.js'
import type { CounterKey } from './counter-key.js'
import { Digest } from './digest.js'
import { entryIdentity } from './entry.js'
import { removedBy } from './ledger-entry.js'
import { RowIndex, roomFor } from './row-index.js'

/** Small integers for keys: those of the table that a log is read into. */
export interface KeyIds {
  idOf(key: CounterKey): number
  findId(key: CounterKey): number | undefined
}

/** What is known of live entries, by row. */
class Rows {
  clocks = new Float64Array(8)
  lo = new Uint32Array(8)
  hi = new Uint32Array(8)

  reserve(row: number): void {
    this.clocks = roomFor(this.clocks, row)
    this.lo = roomFor(this.lo, row)
    this.hi = roomFor(this.hi, row)
  }
}

/** For each identity in a log, where its live entry stands and what that entry hashes to; and for each element, how many of
 *  its entries are live. Kept up in O(1) an entry. The digest is the sum of the hashes of all live entries. Slots, which stay for as
 *  long as the log does, are found by the ids of their keys: a map of their texts would take as much again as all the rest. */
export class LiveEntries {
  readonly digest = new Digest()
  readonly #slots = new RowIndex()
  readonly #ofSlots = new Rows()
  readonly #others = new Map<string, number>()
  readonly #ofOthers = new Rows()
  /** Rows of other identities that were deleted. */
  readonly #free: number[] = []
  readonly #liveAt = new Map<number, number>()

  constructor(readonly keys: KeyIds) {}

  /** How many entries are live. */
  get size(): number {
    return this.#slots.size + this.#others.size
  }

  /** The clock of the element that holds the live entry of `identity`, or -1. */
  clockOf(identity: string): number {
    const row = this.#row(identity)
    return row === -1 ? -1 : (this.#rowsOf(identity).clocks[row] as number)
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
    if (row === -1) return
    const { lo, hi } = this.#rowsOf(identity)
    from.subtract(lo[row] as number, hi[row] as number)
  }

  /** An entry of the element at `clock`. */
  take({ entry, lo, hi }: HashedEntry, clock: number): void {
    if (entry.kind !== 'drop') this.set(entryIdentity(entry), clock, lo, hi)
    for (const identity of removedBy(entry)) this.delete(identity)
  }

  /** The entry of `identity` in the element at `clock` is now the live one. */
  set(identity: string, clock: number, lo: number, hi: number): void {
    const rows = this.#rowsOf(identity)
    let row = this.#row(identity)
    if (row !== -1) this.#release(rows, row)
    else {
      row = this.#add(identity)
      rows.reserve(row)
    }
    this.digest.add(lo, hi)
    rows.clocks[row] = clock
    rows.lo[row] = lo
    rows.hi[row] = hi
    this.#count(clock, 1)
  }

  /** Nothing of `identity`, which is no slot, is live any more. */
  delete(identity: string): void {
    const row = this.#others.get(identity)
    if (row === undefined) return
    this.#release(this.#ofOthers, row)
    this.#others.delete(identity)
    this.#free.push(row)
  }

  /** The identities besides slots whose live entries stand in elements below the clock `to`. O(those), unless there are none. */
  othersBelow(to: number): readonly string[] {
    if (this.liveIn(0, to) === 0) return []
    const { clocks } = this.#ofOthers
    return [...this.#others].filter(([, row]) => (clocks[row] as number) < to).map(([identity]) => identity)
  }

  #rowsOf(identity: string): Rows {
    return isKey(identity) ? this.#ofSlots : this.#ofOthers
  }

  #row(identity: string): number {
    if (!isKey(identity)) return this.#others.get(identity) ?? -1
    const id = this.keys.findId(identity)
    return id === undefined ? -1 : this.#slots.find(id)
  }

  #add(identity: string): number {
    if (isKey(identity)) return this.#slots.add(this.keys.idOf(identity))
    const row = this.#free.pop() ?? this.#others.size
    this.#others.set(identity, row)
    return row
  }

  #release({ clocks, lo, hi }: Rows, row: number): void {
    this.digest.subtract(lo[row] as number, hi[row] as number)
    this.#count(clocks[row] as number, -1)
  }

  #count(clock: number, by: number): void {
    const count = (this.#liveAt.get(clock) ?? 0) + by
    if (count > 0) this.#liveAt.set(clock, count)
    else this.#liveAt.delete(clock)
  }
}

/** Whether an identity is that of a slot: others begin with a control character. */
function isKey(identity: string): identity is CounterKey {
  return identity.charCodeAt(0) >= 0x20
}
