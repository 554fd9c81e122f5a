import { type Entry, entryIdentity, type ReplicaId } from '@tallymesh/crdt'

/** Which logs carry which entries besides slots of their own: adopted slots, members, forks. What only one log carries has
 *  to move to another when that log is frozen or forgotten. */
export class Carried {
  readonly #carriers = new Map<string, Map<ReplicaId, Entry>>()

  /** The log `carrier` holds `entry`. */
  note(carrier: ReplicaId, entry: Entry): void {
    if (entry.kind === 'slot') return
    const identity = entryIdentity(entry)
    let carriers = this.#carriers.get(identity)
    if (!carriers) this.#carriers.set(identity, (carriers = new Map()))
    const known = carriers.get(carrier)
    carriers.set(carrier, known ? joinEntries(known, entry) : entry)
  }

  /** The log is gone: it carries nothing any more. O(entries carried). */
  forget(carrier: ReplicaId): void {
    for (const carriers of this.#carriers.values()) carriers.delete(carrier)
  }

  /** What the log carries. O(entries carried). */
  *of(carrier: ReplicaId): IterableIterator<Entry> {
    for (const carriers of this.#carriers.values()) {
      const entry = carriers.get(carrier)
      if (entry) yield entry
    }
  }

  /** Whether a log says at least as much as `entry`; those in `besides` and the log `except` do not count. */
  covers(entry: Entry, except: ReplicaId, besides: ReadonlySet<ReplicaId>): boolean {
    for (const [carrier, carried] of this.#carriers.get(entryIdentity(entry)) ?? []) {
      if (carrier !== except && !besides.has(carrier) && says(carried, entry)) return true
    }
    return false
  }
}

/** What two entries of one identity say together: the larger slot, a removal that stays, else what `later` says. */
export function joinEntries(earlier: Entry, later: Entry): Entry {
  if (earlier.kind === 'adopted' && later.kind === 'adopted') {
    return { ...later, p: Math.max(earlier.p, later.p), n: Math.max(earlier.n, later.n) }
  }
  if (earlier.kind === 'member' && later.kind === 'member') {
    return { ...later, removed: earlier.removed || later.removed }
  }
  return later
}

function says(carried: Entry, entry: Entry): boolean {
  if (carried.kind === 'adopted' && entry.kind === 'adopted') return carried.p >= entry.p && carried.n >= entry.n
  if (carried.kind === 'member' && entry.kind === 'member') return carried.removed || !entry.removed
  return true
}
