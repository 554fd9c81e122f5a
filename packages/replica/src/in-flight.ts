import type { AppendedCommit, CommitMark, Entry, ReplicaId, Table } from '@tallymesh/crdt'
import type { GroupCount } from './cell.js'

/** A commit that the disk has not confirmed yet. */
export interface InFlight extends AppendedCommit {
  readonly replica: ReplicaId
  readonly mark: CommitMark
  /** The largest commit number that is acknowledged once this is durable. */
  readonly done: number
  readonly end: number
  /** The totals that it changes, and what it carries besides. */
  readonly entries: readonly Entry[]
  /** What it adds to which cells. */
  readonly counts: readonly GroupCount[]
}

/** What a table lacks of a commit: all of it where the disk does not have it, nothing where it does. Decided by content: the last
 *  mark of a store may be forgotten, and what was in flight may have been carried on otherwise. */
export function missingOf({ replica, entries, counts }: InFlight, table: Table): GroupCount[] {
  const totals = new Map(entries.flatMap(entry => (entry.kind === 'slot' ? [[entry.key, entry] as const] : [])))
  return counts.map(({ cell, p, n }) => {
    const total = totals.get(cell.key)
    const held = table.slot(replica, table.idOf(cell.key))
    // Never more than the commit added: what else is missing here was acknowledged, and comes back from peers.
    return { cell, p: within((total?.p ?? 0) - held.p, p), n: within((total?.n ?? 0) - held.n, n) }
  })
}

function within(count: number, max: number): number {
  return Math.min(max, Math.max(0, count))
}
