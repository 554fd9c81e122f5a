import type { AdoptedEntry, Entry, ReplicaId, ReplicaLog } from '@tallymesh/crdt'
import type { Room } from './room.js'

/** Logs of which the table knows more than they said here: fetched afresh, say. Totals of theirs that are lower than known ones tell of no
 *  second history, until they were looked through. */
export class BegunAnew {
  readonly #ids = new Set<ReplicaId>()

  add(id: ReplicaId): void {
    this.#ids.add(id)
  }

  /** This one was looked through, or is folded whole. */
  delete(id: ReplicaId): void {
    this.#ids.delete(id)
  }

  /** What no log adopted of a slot, where an entry of its own log is below what is known; undefined otherwise. */
  fallen({ table, carried }: Room, replica: ReplicaId, entry: Entry): AdoptedEntry | undefined {
    if (entry.kind !== 'slot' || this.#ids.has(replica)) return undefined
    const { key } = entry
    const { p, n } = table.slot(replica, table.idOf(key))
    if (entry.p >= p && entry.n >= n) return undefined
    const slot: AdoptedEntry = { kind: 'adopted', replica, key, p: entry.p < p ? p : 0, n: entry.n < n ? n : 0 }
    return carried.adopts(slot) ? undefined : slot
  }

  /** Those that can be looked through: they are here whole. What is being folded is said by who folds it. */
  *whole(room: Room): IterableIterator<ReplicaLog> {
    for (const id of this.#ids) {
      const log = room.logs.get(id)
      if (log?.complete && !room.isClosed(id) && room.ledger.folds.claimsOf(id).next().done) yield log
    }
  }
}
