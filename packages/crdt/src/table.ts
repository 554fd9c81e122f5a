import type { CounterKey } from './counter-key.js'
import type { Entry, KeyBytes, KeyNumbers } from './entry.js'
import { IdSet } from './id-set.js'
import type { ReplicaId } from './ids.js'
import { KeyTable } from './key-table.js'
import { absorbedUnder } from './ledger-ids.js'
import type { KeyIds, SlotRows } from './live-entries.js'
import { roomFor } from './row-index.js'
import { SlotColumn } from './slot-column.js'
import { TableSnapshot } from './table-snapshot.js'
import { WideSum } from './wide-sum.js'

/** The totals of increments and decrements of one key by one replica. Both never fall. */
export interface Slot {
  readonly p: number
  readonly n: number
}

const NO_SLOT: Slot = { p: 0, n: 0 }

/** The materialised view of a room: for each key the slots of all replicas and their totals. Built by merging entries by
 *  maximum, so it never lowers a slot; it is the authority on every value. Merging is commutative, associative and
 *  idempotent (Shapiro et al., "A comprehensive study of convergent and commutative replicated data types", 2011, 3.1.3). */
export class Table implements KeyNumbers, KeyIds, KeyBytes {
  readonly #keys: KeyTable
  readonly #columns = new Map<ReplicaId, SlotColumn>()
  /** The column that was asked for last: slots of one replica are merged by the hundred. */
  #recent: ReplicaId | undefined
  #recentColumn: SlotColumn | undefined
  /** Replicas that hold no slots any more, and never will; nor do the ids under which they absorbed. */
  readonly #removed = new IdSet()
  /** Totals for each key id; Infinity once a total left the exactly representable range. */
  #increments = new Float64Array(8)
  #decrements = new Float64Array(8)
  /** What counts beside the slots, by key id. */
  readonly #beside = new Map<number, { readonly p: WideSum; readonly n: WideSum }>()

  /** @param hashSeed 32 random bits where the keys may come from somebody who means harm: see `KeyTable` */
  constructor(hashSeed = 0) {
    this.#keys = new KeyTable(hashSeed)
  }

  /** How many keys were ever counted. */
  get size(): number {
    return this.#keys.size
  }

  /** How many slots there are, over all keys and replicas. O(replicas) */
  get slots(): number {
    let slots = 0
    for (const { rows } of this.#columns.values()) slots += rows.size
    return slots
  }

  /** The replica ids that hold slots. */
  replicas(): IterableIterator<ReplicaId> {
    return this.#columns.keys()
  }

  /** A small integer for `key`, for this table's life: what the hot paths use in place of the text. */
  idOf(key: CounterKey): number {
    return this.#withTotals(this.#keys.add(key))
  }

  /** The id of a key that has one. */
  findId(key: CounterKey): number | undefined {
    const id = this.#keys.find(key)
    return id === -1 ? undefined : id
  }

  /** As `idOf`, of a key whose UTF-8 is `bytes[from, to)`; -1 where it has to be checked first. */
  idAt(bytes: Uint8Array, from: number, to: number): number {
    const id = this.#keys.takeAt(bytes, from, to)
    return id === -1 ? -1 : this.#withTotals(id)
  }

  #withTotals(id: number): number {
    this.#increments = roomFor(this.#increments, id)
    this.#decrements = roomFor(this.#decrements, id)
    return id
  }

  writeKey(id: number, to: Uint8Array, at: number): number {
    return this.#keys.texts.write(id, to, at)
  }

  /** A text that is the key of a counter that was counted. */
  findKey(text: string): CounterKey | undefined {
    return this.#keys.find(text) === -1 ? undefined : (text as CounterKey)
  }

  /** The rows of a replica's slots: whoever keeps something of each slot needs no index of its own. */
  rowsOf(replica: ReplicaId): SlotRows {
    return this.#column(replica) ?? new SlotColumn()
  }

  keyOf(id: number): CounterKey {
    return this.#keys.keyOf(id)
  }

  /** Raises the slot to at least `p` and `n`, unless the replica was removed. O(1). Answers whether anything rose. */
  merge(replica: ReplicaId, id: number, p: number, n: number): boolean {
    const column = this.#column(replica)
    if (!column) return false
    const row = column.row(id)
    const [risesP, risesN] = [p > (column.p[row] as number), n > (column.n[row] as number)]
    if (risesP) {
      const before = column.countedP(row)
      column.p[row] = p
      this.#increments[id] = exactSum(this.#increments[id] as number, column.countedP(row) - before)
    }
    if (risesN) {
      const before = column.countedN(row)
      column.n[row] = n
      this.#decrements[id] = exactSum(this.#decrements[id] as number, column.countedN(row) - before)
    }
    return risesP || risesN
  }

  /** At least so much of a slot counts elsewhere from now on. O(1) */
  fold(replica: ReplicaId, id: number, p: number, n: number): void {
    const column = this.#column(replica)
    if (!column) return
    const row = column.row(id)
    const [beforeP, beforeN] = [column.countedP(row), column.countedN(row)]
    column.fold(row, p, n)
    this.#lower(id, beforeP - column.countedP(row), beforeN - column.countedN(row))
  }

  /** Removes all slots of a replica, and what it absorbed, for ever. O(its slots). Answers the key ids whose totals changed;
   *  undefined where it was removed before. */
  remove(replica: ReplicaId): readonly number[] | undefined {
    if (!this.#removed.add(replica)) return undefined
    const changed: number[] = []
    for (const id of [replica, absorbedUnder(replica)]) this.#drop(id, changed)
    return changed
  }

  #drop(replica: ReplicaId, changed: number[]): void {
    const column = this.#columns.get(replica)
    if (!column) return
    this.#columns.delete(replica)
    this.#recent = undefined
    for (let row = 0; row < column.rows.size; row++) {
      const [p, n] = [column.countedP(row), column.countedN(row)]
      const id = column.rows.id(row)
      if (p === 0 && n === 0) continue
      this.#lower(id, p, n)
      changed.push(id)
    }
  }

  /** Whether the slots of a replica were removed. */
  isRemoved(replica: ReplicaId): boolean {
    return this.#removed.has(replica) || this.#removed.has(absorbedUnder(replica))
  }

  /** How many replicas were removed. */
  get removed(): number {
    return this.#removed.size
  }

  /** Counts beside the slots of a key id: what no slot holds yet. Negative amounts take away what was added so before. O(1) */
  addBeside(id: number, p: number, n: number): void {
    let beside = this.#beside.get(id)
    if (!beside) this.#beside.set(id, (beside = { p: new WideSum(), n: new WideSum() }))
    beside.p.add(p)
    beside.n.add(n)
    if (beside.p.isZero && beside.n.isZero) this.#beside.delete(id)
    this.#increments[id] = exactSum(this.#increments[id] as number, p)
    this.#decrements[id] = exactSum(this.#decrements[id] as number, n)
  }

  #column(replica: ReplicaId): SlotColumn | undefined {
    if (replica === this.#recent) return this.#recentColumn
    let column = this.#columns.get(replica)
    if (!column && !this.isRemoved(replica)) this.#columns.set(replica, (column = new SlotColumn()))
    this.#recent = replica
    this.#recentColumn = column
    return column
  }

  #lower(id: number, p: number, n: number): void {
    this.#increments[id] = exactSum(this.#increments[id] as number, -p)
    this.#decrements[id] = exactSum(this.#decrements[id] as number, -n)
  }

  /** What counts beside the slots of a key id, rounded where it is past 2^53 − 1. */
  beside(id: number): Slot {
    const beside = this.#beside.get(id)
    return beside ? { p: beside.p.rounded, n: beside.n.rounded } : NO_SLOT
  }

  /** Merges what an entry of the log `log` says. Answers the id of the key that rose, or -1. */
  mergeEntry(log: ReplicaId, entry: Entry): number {
    if (entry.kind !== 'slot' && entry.kind !== 'adopted') return -1
    const id = this.idOf(entry.key)
    return this.merge(entry.kind === 'slot' ? log : entry.replica, id, entry.p, entry.n) ? id : -1
  }

  /** The slot of a key id; zeros where the replica never counted it. */
  slot(replica: ReplicaId, id: number): Slot {
    const column = this.#columns.get(replica)
    const row = column ? column.rows.find(id) : -1
    return column && row !== -1 ? { p: column.p[row] as number, n: column.n[row] as number } : NO_SLOT
  }

  /** What of a slot is not folded. */
  counted(replica: ReplicaId, id: number): Slot {
    const column = this.#columns.get(replica)
    const row = column ? column.rows.find(id) : -1
    return column && row !== -1 ? { p: column.countedP(row), n: column.countedN(row) } : NO_SLOT
  }

  /** All slots of one replica. */
  *slotsOf(replica: ReplicaId): IterableIterator<{ key: CounterKey } & Slot> {
    const column = this.#columns.get(replica)
    if (!column) return
    for (let row = 0; row < column.rows.size; row++) {
      yield { key: this.keyOf(column.rows.id(row)), p: column.p[row] as number, n: column.n[row] as number }
    }
  }

  /** Σp − Σn of a key id; not finite where a total is past 2^53 − 1: then ask `valueBigInt`. O(1). */
  value(id: number): number {
    return (this.#increments[id] as number) - (this.#decrements[id] as number)
  }

  /** Σp − Σn, exact at any size. O(1), or O(replicas) where a total is past 2^53 − 1. */
  valueBigInt(id: number): bigint {
    const { increments, decrements } = this.totals(id)
    return increments - decrements
  }

  /** Σp and Σn, exact at any size. */
  totals(id: number): { increments: bigint; decrements: bigint } {
    const p = this.#increments[id] as number
    const n = this.#decrements[id] as number
    if (p !== Number.POSITIVE_INFINITY && n !== Number.POSITIVE_INFINITY) {
      return { increments: BigInt(p), decrements: BigInt(n) }
    }
    const beside = this.#beside.get(id)
    let [increments, decrements] = [beside?.p.exact ?? 0n, beside?.n.exact ?? 0n]
    for (const column of this.#columns.values()) {
      const row = column.rows.find(id)
      if (row === -1) continue
      increments += BigInt(column.countedP(row))
      decrements += BigInt(column.countedN(row))
    }
    return { increments, decrements }
  }

  /** The keys that start with `prefix`, in the order of their UTF-16 units. New keys are merged into that order when it is
   *  asked for: O(keys) then, O(result) otherwise. */
  keys(prefix = ''): readonly CounterKey[] {
    return this.#keys.order.withPrefix(prefix)
  }

  /** The keys that start with `prefix` and come behind `after`, in order, each when it is asked for. */
  keysBehind(after: string, prefix = ''): IterableIterator<CounterKey> {
    return this.#keys.order.behind(after, prefix)
  }

  /** How many keys start with `prefix`. */
  countKeys(prefix = ''): number {
    return this.#keys.order.count(prefix)
  }

  /** All slots as they are now, without what is folded of them: later merges do not show. Copies 16 bytes a slot. */
  snapshot(): TableSnapshot {
    const columns = [...this.#columns].map(([replica, column]) => ({
      ...{ replica, ids: column.rows.ids(), ...column.counted() },
    }))
    return new TableSnapshot(this.#keys.texts, columns)
  }

  /** Same slots, not merely the same values. */
  equals(other: Table): boolean {
    return this.#covers(other) && other.#covers(this)
  }

  #covers(other: Table): boolean {
    for (const replica of other.replicas()) {
      for (const slot of other.slotsOf(replica)) {
        const id = this.findId(slot.key)
        const own = id === undefined ? NO_SLOT : this.slot(replica, id)
        if (own.p < slot.p || own.n < slot.n) return false
      }
    }
    return true
  }
}

function exactSum(total: number, risen: number): number {
  const sum = total + risen
  return sum <= Number.MAX_SAFE_INTEGER ? sum : Number.POSITIVE_INFINITY
}
