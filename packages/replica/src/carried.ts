import {
  type CounterKey,
  type Dropped,
  droppedIdentity,
  type Entry,
  entryIdentity,
  type ReplicaId,
} from '@tallymesh/crdt'

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

  /** The log `carrier` does not say this any more. */
  drop(carrier: ReplicaId, of: Dropped): void {
    this.#carriers.get(droppedIdentity(of))?.delete(carrier)
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

  /** Whether some log adopted a slot of `replica` with at least so many increments, and some with so many decrements. */
  adopts(replica: ReplicaId, key: CounterKey, p: number, n: number): boolean {
    const carriers = this.#carriers.get(entryIdentity({ kind: 'adopted', replica, key, p, n }))
    let [enoughP, enoughN] = [p === 0, n === 0]
    for (const entry of carriers?.values() ?? []) {
      if (entry.kind !== 'adopted') continue
      enoughP ||= entry.p >= p
      enoughN ||= entry.n >= n
    }
    return enoughP && enoughN
  }

  /** Whether the log `carrier` says at least as much as `entry`. */
  says(carrier: ReplicaId, entry: Entry): boolean {
    const carried = this.#carriers.get(entryIdentity(entry))?.get(carrier)
    return carried !== undefined && says(carried, entry)
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
