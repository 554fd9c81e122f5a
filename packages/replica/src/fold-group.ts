import {
  absorbedUnder,
  type CounterKey,
  FOLD_BYTES_MAX,
  FOLD_SLOTS_MAX,
  type OperationCount,
  type OtherEntry,
  type ReplicaId,
  type Table,
} from '@tallymesh/crdt'
import type { SlotCursor } from './slot-cursor.js'

/** Bytes of one slot besides its key, about, in the fold and in what it raises. */
const SLOT_BYTES = 32

/** Slots of one or several ids that one commit folds, with the absorbed slots that they are moved into: one batch takes them all. */
export class FoldGroup {
  readonly #absorbed = new Map<CounterKey, OperationCount>()
  readonly #folded = new Map<ReplicaId, OperationCount[]>()
  #count = 0
  #bytes = 0

  /** @param own the log that the commit belongs to */
  constructor(
    readonly table: Table,
    readonly own: ReplicaId,
  ) {}

  get any(): boolean {
    return this.#count > 0
  }

  get full(): boolean {
    return this.#count >= FOLD_SLOTS_MAX || this.#bytes >= FOLD_BYTES_MAX
  }

  /** Takes slots until there are no more of them, or the group is full. What fits no absorbed slot stays. */
  add(slots: SlotCursor): void {
    const into = absorbedUnder(this.own)
    for (let slot = slots.next(); slot; slot = this.full ? undefined : slots.next()) {
      const { replica, key } = slot
      const at = this.table.idOf(key)
      // As of now: since the slot was found it may have risen.
      const counted = this.table.counted(replica, at)
      const { p, n } = this.#absorbed.get(key) ?? this.table.slot(into, at)
      const raised = { key, p: p + counted.p, n: n + counted.n }
      if (!Number.isSafeInteger(raised.p) || !Number.isSafeInteger(raised.n)) continue
      this.#absorbed.set(key, raised)
      const folded = this.#folded.get(replica) ?? []
      folded.push({ key, ...this.table.slot(replica, at) })
      this.#folded.set(replica, folded)
      this.#count++
      this.#bytes += key.length + SLOT_BYTES
    }
  }

  /** @param number one that the log used for no other fold: the clock at which they stand */
  entries(number: number): OtherEntry[] {
    const absorbed = [...this.#absorbed.values()].map((count): OtherEntry => ({ kind: 'absorbed', ...count }))
    const folds = [...this.#folded].map(([replica, slots]): OtherEntry => ({ kind: 'fold', replica, number, slots }))
    return [...absorbed, ...folds]
  }
}
