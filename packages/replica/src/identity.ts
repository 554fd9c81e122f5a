import { type CommitMark, type ReplicaId, TallymeshError } from '@tallymesh/crdt'

/** What is known of a store and of its witness when a node starts. */
export interface IdentityEvidence {
  /** What the witness says; undefined where there is none that is whole, of this store and of this boot. */
  readonly witness: CommitMark | undefined
  /** Both locks are held: no other process on this machine runs on this store or a copy of it. */
  readonly held: boolean
  /** The store verified clean. */
  readonly clean: boolean
  readonly stored: CommitMark | undefined
}

export interface IdentityVerdict {
  /** The id to go on with; undefined means: take a fresh one at the first commit. */
  readonly resume: ReplicaId | undefined
  readonly report: TallymeshError | undefined
}

/** Decides whether a node may go on under its last replica id: only where a witness proves that its disk is current. A fresh
 *  id is always safe; it only costs a little state. */
export function decideIdentity(evidence: IdentityEvidence): IdentityVerdict {
  const { witness, held, clean, stored } = evidence
  if (!witness || !held) return { resume: undefined, report: undefined }
  const number = stored?.number ?? 0
  if (number < witness.number || (stored?.replica === witness.replica && stored.clock < witness.clock)) {
    const report = new TallymeshError(
      'STORE_BEHIND',
      `the data directory holds own commit ${number}, but commit ${witness.number} was acknowledged on this machine: ` +
        `${witness.number - number} commits are lost here. The node takes a fresh identity and gets what its peers hold`,
    )
    return { resume: undefined, report }
  }
  // At the same number another clock would be another history.
  const same = number === witness.number ? stored?.clock === witness.clock : number === witness.number + 1
  const current = clean && same && stored?.replica === witness.replica
  return { resume: current ? stored?.replica : undefined, report: undefined }
}
