import {
  type AppendedCommit,
  type CommitMark,
  type OtherEntry,
  type ReplicaId,
  SlotTotals,
  type Table,
} from '@tallymesh/crdt'
import type { Cell, GroupCount } from './cell.js'

/** A commit that the disk has not confirmed yet. */
export interface InFlight extends AppendedCommit {
  readonly replica: ReplicaId
  readonly mark: CommitMark
  /** The largest commit number that is acknowledged once this is durable. */
  readonly done: number
  readonly end: number
  readonly counted: Counted
  /** What it carries besides. */
  readonly entries: readonly OtherEntry[]
}

/** What a commit counts, cell by cell: columns rather than an object each. */
export class Counted {
  readonly cells: Cell[] = []
  readonly totals = new SlotTotals()
  /** How much of the totals is new. */
  readonly #p: number[] = []
  readonly #n: number[] = []

  get size(): number {
    return this.cells.length
  }

  /** Takes what of a cell is in no batch yet. */
  take(cell: Cell): void {
    this.cells.push(cell)
    this.totals.add(cell.id, cell.p, cell.n)
    this.#p.push(cell.p - cell.batchedP)
    this.#n.push(cell.n - cell.batchedN)
    cell.batchedP = cell.p
    cell.batchedN = cell.n
  }

  /** What a table lacks of it: all of it where the disk does not have it, nothing where it does. Decided by content: the last
   *  mark of a store may be forgotten, and what was in flight may have been carried on otherwise.
   *  @param replica whose slots they are */
  missingOf(replica: ReplicaId, table: Table): GroupCount[] {
    return this.cells.map((cell, i) => {
      const held = table.slot(replica, table.idOf(cell.key))
      const [p, n] = [(this.totals.p[i] as number) - held.p, (this.totals.n[i] as number) - held.n]
      // Never more than the commit added: what else is missing here was acknowledged, and comes back from peers.
      return { cell, p: within(p, this.#p[i] as number), n: within(n, this.#n[i] as number) }
    })
  }
}

function within(count: number, max: number): number {
  return Math.min(max, Math.max(0, count))
}
