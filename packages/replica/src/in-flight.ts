import type { AppendedCommit, CommitMark, ReplicaId } from '@tallymesh/crdt'

/** A commit that the disk has not confirmed yet. */
export interface InFlight extends AppendedCommit {
  readonly replica: ReplicaId
  readonly mark: CommitMark
  /** The largest commit number that is acknowledged once this is durable. */
  readonly done: number
  readonly end: number
  /** How many totals and other entries it changes. */
  readonly entries: number
}
