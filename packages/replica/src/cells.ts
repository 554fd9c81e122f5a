import type { CounterKey, ReplicaId } from '@tallymesh/crdt'
import type { Cell } from './cell.js'
import type { Room } from './room.js'

const PAGE_BITS = 10
const PAGE_CELLS = 2 ** PAGE_BITS

/** The cells of all keys that this process was asked for, by the ids that these have in the table. In pages: one list or map of a million
 *  cells is marked by the garbage collector at once. */
export class Cells {
  readonly #pages: Array<Array<Cell | undefined> | undefined> = []

  constructor(readonly room: Room) {}

  get(key: CounterKey): Cell | undefined {
    const id = this.room.table.findId(key)
    return id === undefined ? undefined : this.#at(id)
  }

  /** The cell of a key, made where there is none, on top of the slot that `replica` has. */
  of(text: CounterKey, replica: ReplicaId | undefined): Cell {
    const id = this.room.table.idOf(text)
    const known = this.#at(id)
    if (known) return known
    // As the table has it: a text that was put together of others is slow to walk, and one cut out of another keeps that in memory.
    const key = this.room.table.keyOf(id)
    const cell = { key, id, p: 0, n: 0, batchedP: 0, batchedN: 0, dirty: false, grouped: false, place: 0 }
    this.rebase(cell, replica)
    this.#put(cell)
    return cell
  }

  /** Takes over a cell of a replica that was given up: its key has another place in this table. */
  adopt(cell: Cell, replica: ReplicaId | undefined): void {
    cell.id = this.room.table.idOf(cell.key)
    this.#put(cell)
    this.rebase(cell, replica)
  }

  *values(): IterableIterator<Cell> {
    for (const page of this.#pages) for (const cell of page ?? []) if (cell) yield cell
  }

  rebaseAll(replica: ReplicaId | undefined): void {
    for (const cell of this.values()) this.rebase(cell, replica)
  }

  #at(id: number): Cell | undefined {
    return this.#pages[id >>> PAGE_BITS]?.[id % PAGE_CELLS]
  }

  #put(cell: Cell): void {
    const number = cell.id >>> PAGE_BITS
    while (this.#pages.length <= number) this.#pages.push(undefined)
    const page = (this.#pages[number] ??= new Array<Cell | undefined>(PAGE_CELLS).fill(undefined))
    page[cell.id % PAGE_CELLS] = cell
  }

  /** Puts the pending part of a cell on top of the slot that `replica` has. */
  rebase(cell: Cell, replica: ReplicaId | undefined): void {
    const slot = replica === undefined ? { p: 0, n: 0 } : this.room.table.slot(replica, cell.id)
    cell.p = slot.p + (cell.p - cell.batchedP)
    cell.n = slot.n + (cell.n - cell.batchedN)
    cell.batchedP = slot.p
    cell.batchedN = slot.n
  }
}
