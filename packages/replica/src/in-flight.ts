import type { AppendedCommit, CommitMark, Entry, ReplicaId } from '@tallymesh/crdt'
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
