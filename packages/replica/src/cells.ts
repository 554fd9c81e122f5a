import type { CounterKey, ReplicaId } from '@tallymesh/crdt'
import type { Cell } from './cell.js'
import type { Room } from './room.js'

/** The cells of all keys that this process was asked for. */
export class Cells {
  readonly #cells = new Map<CounterKey, Cell>()

  constructor(readonly room: Room) {}

  get(key: CounterKey): Cell | undefined {
    return this.#cells.get(key)
  }

  /** The cell of a key, made where there is none, on top of the slot that `replica` has. */
  of(key: CounterKey, replica: ReplicaId | undefined): Cell {
    const known = this.#cells.get(key)
    if (known) return known
    const id = this.room.table.idOf(key)
    const cell = { key, id, p: 0, n: 0, batchedP: 0, batchedN: 0, dirty: false, grouped: false, place: 0 }
    this.rebase(cell, replica)
    this.#cells.set(key, cell)
    return cell
  }

  /** Takes over a cell of a replica that was given up: its key has another place in this table. */
  adopt(cell: Cell, replica: ReplicaId | undefined): void {
    cell.id = this.room.table.idOf(cell.key)
    this.#cells.set(cell.key, cell)
    this.rebase(cell, replica)
  }

  values(): IterableIterator<Cell> {
    return this.#cells.values()
  }

  rebaseAll(replica: ReplicaId | undefined): void {
    for (const cell of this.#cells.values()) this.rebase(cell, replica)
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
