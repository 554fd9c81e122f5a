import { absorbedUnder, type CounterKey, type ReplicaId, type Slot, type Table } from '@tallymesh/crdt'

/** A slot, and what of it is not folded. */
export interface FoundSlot {
  readonly replica: ReplicaId
  readonly key: CounterKey
  readonly counted: Slot
}

/** Goes through the slots of an id, and what it absorbed, that are not folded and fit elsewhere: from one to the next in O(1) all in all. */
export class SlotCursor {
  readonly #slots: Iterator<FoundSlot>
  #next: FoundSlot | undefined

  constructor(
    readonly table: Table,
    readonly id: ReplicaId,
    readonly fits: (slot: FoundSlot) => boolean,
  ) {
    this.#slots = this.#found(fits)
  }

  /** Whether there is another one. */
  more(): boolean {
    this.#next ??= this.#slots.next().value
    return this.#next !== undefined
  }

  next(): FoundSlot | undefined {
    if (!this.more()) return undefined
    const found = this.#next
    this.#next = undefined
    return found
  }

  /** Looks from the beginning whether something is not folded. O(slots) */
  isLeft(): boolean {
    return !this.#found(() => true).next().done
  }

  *#found(wanted: (slot: FoundSlot) => boolean): Generator<FoundSlot, undefined> {
    for (const replica of [this.id, absorbedUnder(this.id)]) {
      for (const { key } of this.table.slotsOf(replica)) {
        const slot = { replica, key, counted: this.table.counted(replica, this.table.idOf(key)) }
        if ((slot.counted.p > 0 || slot.counted.n > 0) && wanted(slot)) yield slot
      }
    }
    return undefined
  }
}
