import type { ReplicaId } from '@tallymesh/crdt'
import type { Replica } from '@tallymesh/replica'

/** Figures of an engine, over its life: also of replicas that a failed disk ended. */
export class Figures {
  /** Entries in all own commits so far. */
  commitEntries = 0
  /** Bytes of all own commits so far. */
  commitBytes = 0
  /** How often commits went on under another replica id than the one before, that of an earlier process included. */
  replicaChanges = 0
  #last: ReplicaId | undefined
  #opened: Replica | undefined
  readonly #before = { refused: 0, missed: 0 }

  constructor(readonly replica: () => Replica) {}

  /** Counters with counts that are in no batch yet. */
  get pending(): number {
    return this.replica().commits.pendingCells
  }

  /** Slots over all counters and replica ids. O(replica ids) */
  get slots(): number {
    return this.replica().table.slots
  }

  /** Replica ids with two histories. */
  get forks(): number {
    return this.replica().room.forked.size
  }

  /** Updates of ids folded whole that were refused so far. */
  get refusedFolded(): number {
    return this.#before.refused + this.replica().sync.refusedFolded
  }

  /** Ids of which something counted here still when they were folded whole elsewhere, so far. */
  get missedFolds(): number {
    return this.#before.missed + this.replica().room.ledger.folds.missed.size
  }

  /** A replica took over. @param replica the id that the store's last commit was made under */
  opened(replica: ReplicaId | undefined): void {
    this.#last ??= replica
    this.#before.refused += this.#opened?.sync.refusedFolded ?? 0
    this.#before.missed += this.#opened?.room.ledger.folds.missed.size ?? 0
    this.#opened = this.replica()
  }

  committed(replica: ReplicaId, entries: number, bytes: number): void {
    this.commitEntries += entries
    this.commitBytes += bytes
    if (this.#last !== undefined && this.#last !== replica) this.replicaChanges++
    this.#last = replica
  }
}
