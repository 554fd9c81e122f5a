import type { CounterKey } from './counter-key.js'
import { Digest } from './digest.js'
import { type Entry, entryIdentity, entryWeight, type TakeSlot, type TakeStoredSlot } from './entry.js'
import { IdentityMap } from './identity-map.js'
import type { ReplicaId } from './ids.js'
import { removedBy } from './ledger-entry.js'
import { roomFor } from './row-index.js'

/** Small integers for keys, and for the slots of each replica: those of the table that a log is read into. */
export interface KeyIds {
  idOf(key: CounterKey): number
  findId(key: CounterKey): number | undefined
  rowsOf(replica: ReplicaId): SlotRows
}

/** Rows of key ids. They are never freed. */
export interface SlotRows {
  /** -1 where it has none. */
  find(id: number): number
  /** A new one where it has none. */
  row(id: number): number
}

/** What is known of live entries, by row. */
class Rows {
  /** One more than the clock of the element, 0 where nothing is live. */
  #ends = new Float64Array(8)
  lo = new Uint32Array(8)
  hi = new Uint32Array(8)

  /** The clock of the element that holds it, or -1. */
  clock(row: number): number {
    return (this.#ends[row] ?? 0) - 1
  }

  set(row: number, clock: number, lo: number, hi: number): void {
    this.#ends = roomFor(this.#ends, row)
    this.lo = roomFor(this.lo, row)
    this.hi = roomFor(this.hi, row)
    this.#ends[row] = clock + 1
    this.lo[row] = lo
    this.hi[row] = hi
  }

  free(row: number): void {
    this.#ends[row] = 0
  }
}

/** For each identity in a log, where its live entry stands and what that entry hashes to; and for each element, how many of
 *  its entries are live. Kept up in O(1) an entry. The digest is the sum of the hashes of all live entries. Slots, which stay for as
 *  long as the log does, stand in the rows that they have in the table: an index of their own would take half as much as all the rest. */
export class LiveEntries {
  readonly digest = new Digest()
  /** Those of the log's slots, from its first on. */
  #slotRows: SlotRows | undefined
  readonly #ofSlots = new Rows()
  #slots = 0
  readonly #others = new IdentityMap<string, number>()
  readonly #ofOthers = new Rows()
  /** Of the others, by row: see `entryWeight`. A slot weighs 1. */
  #weights = new Uint32Array(8)
  #weightOfOthers = 0
  /** Rows of other identities that were deleted. */
  readonly #free: number[] = []
  readonly #liveAt = new Map<number, number>()
  /** The element whose entries are taken, and how many more of these are live than is noted above: they come by the hundred. */
  #taken = 0
  #liveTaken = 0

  /** @param log whose slots they are */
  constructor(
    readonly log: ReplicaId,
    readonly keys: KeyIds,
  ) {}

  /** How many entries are live. */
  get size(): number {
    return this.#slots + this.#others.size
  }

  /** How much all live entries weigh. */
  get weight(): number {
    return this.#slots + this.#weightOfOthers
  }

  /** How much the live entry of `identity` weighs, 0 where there is none. */
  weightOf(identity: string): number {
    const row = this.#row(identity)
    if (row === -1) return 0
    return isKey(identity) ? 1 : (this.#weights[row] as number)
  }

  /** The clock of the element that holds the live entry of `identity`, or -1. */
  clockOf(identity: string): number {
    const row = this.#row(identity)
    return row === -1 ? -1 : this.#rowsOf(identity).clock(row)
  }

  /** As `clockOf`, of the slot of a key id. */
  clockOfSlot(id: number): number {
    const row = this.#slotRows ? this.#slotRows.find(id) : -1
    return row === -1 ? -1 : this.#ofSlots.clock(row)
  }

  /** How many entries of the elements in [from, to) are live. Takes the shorter way: a hostile range may be 2^48 long. */
  liveIn(from: number, to: number): number {
    this.#note()
    let live = 0
    if (to - from < this.#liveAt.size) {
      for (let clock = from; clock < to; clock++) live += this.#liveAt.get(clock) ?? 0
    } else {
      for (const [clock, count] of this.#liveAt) if (clock >= from && clock < to) live += count
    }
    return live
  }

  /** Takes the hash of the live entry of `identity`, if there is one, out of a digest. Answers as `clockOf`. */
  subtract(identity: string, from: Digest): number {
    const row = this.#row(identity)
    if (row === -1) return -1
    const rows = this.#rowsOf(identity)
    from.subtract(rows.lo[row] as number, rows.hi[row] as number)
    return rows.clock(row)
  }

  /** An entry of the element at `clock`, and the lanes of its hash. */
  take(entry: Entry, lo: number, hi: number, clock: number): void {
    if (entry.kind === 'slot') return this.setSlot(this.keys.idOf(entry.key), clock, lo, hi)
    if (entry.kind !== 'drop') this.set(entryIdentity(entry), clock, lo, hi, entryWeight(entry))
    for (const identity of removedBy(entry)) this.delete(identity)
  }

  /** Takes the slots of the element at `clock`, and hands them on. */
  takingSlots(clock: number, takeNext: TakeStoredSlot): TakeSlot {
    return (keyId, p, n, lo, hi) => {
      this.setSlot(keyId, clock, lo, hi)
      takeNext(keyId, p, n)
    }
  }

  /** The entry of `identity` in the element at `clock` is now the live one. */
  set(identity: string, clock: number, lo: number, hi: number, weight = 1): void {
    if (isKey(identity)) return this.setSlot(this.keys.idOf(identity), clock, lo, hi)
    let row = this.#others.get(identity)
    if (row === undefined) this.#others.set(identity, (row = this.#free.pop() ?? this.#others.size))
    else this.#weightOfOthers -= this.#weights[row] as number
    this.#weights = roomFor(this.#weights, row)
    this.#weights[row] = weight
    this.#weightOfOthers += weight
    this.#put(this.#ofOthers, row, clock, lo, hi)
  }

  /** The slot of a key id in the element at `clock` is now the live one. */
  setSlot(id: number, clock: number, lo: number, hi: number): void {
    this.#slotRows ??= this.keys.rowsOf(this.log)
    if (this.#put(this.#ofSlots, this.#slotRows.row(id), clock, lo, hi)) this.#slots++
  }

  /** Answers whether nothing was live in that row. */
  #put(rows: Rows, row: number, clock: number, lo: number, hi: number): boolean {
    const isNew = rows.clock(row) === -1
    if (!isNew) this.#release(rows, row)
    rows.set(row, clock, lo, hi)
    this.digest.add(lo, hi)
    this.#count(clock, 1)
    return isNew
  }

  /** Nothing of `identity`, which is no slot, is live any more. */
  delete(identity: string): void {
    const row = this.#others.get(identity)
    if (row === undefined) return
    this.#release(this.#ofOthers, row)
    this.#weightOfOthers -= this.#weights[row] as number
    this.#ofOthers.free(row)
    this.#others.delete(identity)
    this.#free.push(row)
  }

  /** The identities besides slots whose live entries stand in elements below the clock `to`. O(those), unless there are none. */
  othersBelow(to: number): readonly string[] {
    if (this.liveIn(0, to) === 0) return []
    return [...this.#others].filter(([, row]) => this.#ofOthers.clock(row) < to).map(([identity]) => identity)
  }

  #rowsOf(identity: string): Rows {
    return isKey(identity) ? this.#ofSlots : this.#ofOthers
  }

  /** -1 where nothing of it is live. */
  #row(identity: string): number {
    if (!isKey(identity)) return this.#others.get(identity) ?? -1
    const id = this.#slotRows && this.keys.findId(identity)
    const row = id === undefined ? -1 : (this.#slotRows as SlotRows).find(id)
    return this.#ofSlots.clock(row) === -1 ? -1 : row
  }

  #release(rows: Rows, row: number): void {
    this.digest.subtract(rows.lo[row] as number, rows.hi[row] as number)
    this.#count(rows.clock(row), -1)
  }

  #count(clock: number, by: number): void {
    if (clock !== this.#taken) {
      if (by < 0) return this.#add(clock, by)
      this.#note()
      this.#taken = clock
    }
    this.#liveTaken += by
  }

  #note(): void {
    if (this.#liveTaken !== 0) this.#add(this.#taken, this.#liveTaken)
    this.#liveTaken = 0
  }

  #add(clock: number, by: number): void {
    const count = (this.#liveAt.get(clock) ?? 0) + by
    if (count > 0) this.#liveAt.set(clock, count)
    else this.#liveAt.delete(clock)
  }
}

/** Whether an identity is that of a slot: others begin with a control character. */
function isKey(identity: string): identity is CounterKey {
  return identity.charCodeAt(0) >= 0x20
}
