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
    const report = behind(number, witness)
    return { resume: undefined, report }
  }
  const same = stored !== undefined && continues(stored, witness)
  const current = clean && same && stored?.replica === witness.replica
  const report = stored && contradicts(stored, witness) ? behind(number, witness) : undefined
  return { resume: current ? stored?.replica : undefined, report }
}

/** Whether the last commit of the store is the one that the witness knows, or the one after it, in the same history of the log.
 *  On a disk that was put back twice the numbers may agree where the batches do not. */
function continues(stored: CommitMark, witness: CommitMark): boolean {
  if (witness.tip === 0) return false
  if (stored.number === witness.number) return stored.clock === witness.clock && stored.tip === witness.tip
  return stored.number === witness.number + 1 && stored.before === witness.tip
}

/** Whether the store cannot hold the commit that the witness knows: it has another one in its place. */
function contradicts(stored: CommitMark, witness: CommitMark): boolean {
  const { number, replica, tip } = stored
  if (tip === 0 || witness.tip === 0) return false
  if (number === witness.number) return replica !== witness.replica || !continues(stored, witness)
  return number === witness.number + 1 && replica === witness.replica && !continues(stored, witness)
}

function behind(number: number, witness: CommitMark): TallymeshError {
  const found =
    number < witness.number
      ? `own commit ${number}, but commit ${witness.number} was acknowledged on this machine: ` +
        `${witness.number - number} commits are lost here`
      : `another history of own commit ${witness.number} than the one that was acknowledged on this machine: what that one ` +
        'counted since they parted is lost here'
  const then = 'The node takes a fresh identity and gets what its peers hold'
  return new TallymeshError('STORE_BEHIND', `the data directory holds ${found}. ${then}`)
}
