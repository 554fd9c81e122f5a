import type { ReplicaId, ReplicaLog } from '@tallymesh/crdt'
import type { Room } from './room.js'

/** Logs of which the table knows more than they said here: fetched afresh, say. Totals of theirs that are lower than known ones tell of no
 *  second history, until they were looked through. */
export class BegunAnew {
  readonly #ids = new Set<ReplicaId>()

  add(id: ReplicaId): void {
    this.#ids.add(id)
  }

  has(id: ReplicaId): boolean {
    return this.#ids.has(id)
  }

  /** This one was looked through, or is folded whole. */
  delete(id: ReplicaId): void {
    this.#ids.delete(id)
  }

  /** Those that can be looked through: they are here whole. What is being folded is said by who folds it. */
  *whole(room: Room): IterableIterator<ReplicaLog> {
    for (const id of this.#ids) {
      const log = room.logs.get(id)
      if (log?.complete && !room.isClosed(id) && room.ledger.folds.claimsOf(id).next().done) yield log
    }
  }
}
