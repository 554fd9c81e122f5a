import {
  type AdoptedEntry,
  type Dropped,
  droppedIdentity,
  entryIdentity,
  IdLists,
  type MemberEntry,
  type OtherEntry,
  type RemovalsEntry,
  type ReplicaId,
  type StoreId,
} from '@tallymesh/crdt'

/** The one log that carries an entry: most are carried by one, and a map of one takes several times as much. */
class SoleCarrier {
  constructor(
    readonly log: ReplicaId,
    public entry: OtherEntry,
  ) {}

  get(log: ReplicaId): OtherEntry | undefined {
    return log === this.log ? this.entry : undefined
  }

  *[Symbol.iterator](): IterableIterator<readonly [ReplicaId, OtherEntry]> {
    yield [this.log, this.entry]
  }
}

type Carriers = SoleCarrier | Map<ReplicaId, OtherEntry>

/** Which logs carry which entries besides slots of their own: adopted slots, members, forks. What only one log carries has
 *  to move to another when that log is frozen or forgotten. */
export class Carried {
  readonly #carriers = new Map<string, Carriers>()
  /** The removed stores that each log lists. */
  readonly #removals = new Map<ReplicaId, IdLists<StoreId>>()

  /** The log `carrier` holds `entry`. */
  note(carrier: ReplicaId, entry: OtherEntry): void {
    if (entry.kind === 'removals') {
      const lists = this.#removals.get(carrier) ?? new IdLists()
      this.#removals.set(carrier, lists)
      lists.take(entry, 0)
      return
    }
    const identity = entryIdentity(entry)
    const carriers = this.#carriers.get(identity)
    const known = carriers?.get(carrier)
    const joined = known ? joinEntries(known, entry) : entry
    if (!carriers) this.#carriers.set(identity, new SoleCarrier(carrier, joined))
    else if (carriers instanceof Map) carriers.set(carrier, joined)
    else if (known) carriers.entry = joined
    else this.#carriers.set(identity, new Map([...carriers, [carrier, joined]]))
  }

  /** The log `carrier` does not say this any more. */
  drop(carrier: ReplicaId, of: Dropped): void {
    const identity = droppedIdentity(of)
    this.#drop(carrier, identity, this.#carriers.get(identity))
  }

  /** The log is gone: it carries nothing any more. O(entries carried). */
  forget(carrier: ReplicaId): void {
    for (const [identity, carriers] of this.#carriers) this.#drop(carrier, identity, carriers)
    this.#removals.delete(carrier)
  }

  /** What the log carries; of each store that it lists as removed a record. O(entries carried) */
  *of(carrier: ReplicaId): IterableIterator<OtherEntry> {
    yield* this.#entriesOf(carrier)
    for (const store of this.#removals.get(carrier)?.ids() ?? []) {
      yield { kind: 'member', store, name: store, urls: [], removed: true }
    }
  }

  /** The records of members in the log, without the stores that it lists. O(entries carried) */
  *recordsOf(carrier: ReplicaId): IterableIterator<MemberEntry> {
    for (const entry of this.#entriesOf(carrier)) if (entry.kind === 'member') yield entry
  }

  /** What a log has to say to list these stores as removed as well, as far as one commit may. */
  *listing(carrier: ReplicaId, stores: Iterable<StoreId>): IterableIterator<RemovalsEntry> {
    const lists = this.#removals.get(carrier) ?? new IdLists()
    for (const list of lists.adding(stores)) yield { kind: 'removals', ...list }
  }

  /** The slots of `replica` that logs adopted. O(entries carried) */
  *adoptedOf(replica: ReplicaId): IterableIterator<AdoptedEntry> {
    for (const carriers of this.#carriers.values()) {
      for (const [, entry] of carriers) if (entry.kind === 'adopted' && entry.replica === replica) yield entry
    }
  }

  /** Whether some log adopted at least so many increments of a slot, and some so many decrements. */
  adopts(slot: AdoptedEntry): boolean {
    let [enoughP, enoughN] = [slot.p === 0, slot.n === 0]
    for (const [, entry] of this.#carriersOf(slot)) {
      if (entry.kind !== 'adopted') continue
      enoughP ||= entry.p >= slot.p
      enoughN ||= entry.n >= slot.n
    }
    return enoughP && enoughN
  }

  /** Whether the log `carrier` says at least as much as `entry`. */
  says(carrier: ReplicaId, entry: OtherEntry): boolean {
    const carried = this.#carriers.get(entryIdentity(entry))?.get(carrier)
    return (carried !== undefined && says(carried, entry)) || this.#lists(carrier, entry)
  }

  /** Whether a log says at least as much as `entry`; those in `besides` and the log `except` do not count. */
  covers(entry: OtherEntry, except: ReplicaId, besides: ReadonlySet<ReplicaId>): boolean {
    for (const [carrier, carried] of this.#carriersOf(entry)) {
      if (carrier !== except && !besides.has(carrier) && says(carried, entry)) return true
    }
    if (entry.kind !== 'member') return false
    for (const carrier of this.#removals.keys()) {
      if (carrier !== except && !besides.has(carrier) && this.#lists(carrier, entry)) return true
    }
    return false
  }

  #lists(carrier: ReplicaId, entry: OtherEntry): boolean {
    return entry.kind === 'member' && this.#removals.get(carrier)?.has(entry.store) === true
  }

  *#entriesOf(carrier: ReplicaId): IterableIterator<OtherEntry> {
    for (const carriers of this.#carriers.values()) {
      const entry = carriers.get(carrier)
      if (entry) yield entry
    }
  }

  #carriersOf(entry: OtherEntry): Iterable<readonly [ReplicaId, OtherEntry]> {
    return this.#carriers.get(entryIdentity(entry)) ?? []
  }

  #drop(carrier: ReplicaId, identity: string, carriers: Carriers | undefined): void {
    if (carriers instanceof Map) carriers.delete(carrier)
    if (carriers instanceof Map ? carriers.size === 0 : carriers?.log === carrier) this.#carriers.delete(identity)
  }
}

/** What two entries of one identity say together: the larger slot, a removal that stays, else what `later` says. */
export function joinEntries(earlier: OtherEntry, later: OtherEntry): OtherEntry {
  if (earlier.kind === 'adopted' && later.kind === 'adopted') {
    return { ...later, p: Math.max(earlier.p, later.p), n: Math.max(earlier.n, later.n) }
  }
  if (earlier.kind === 'member' && later.kind === 'member') {
    return { ...later, removed: earlier.removed || later.removed }
  }
  return later
}

function says(carried: OtherEntry, entry: OtherEntry): boolean {
  if (carried.kind === 'adopted' && entry.kind === 'adopted') return carried.p >= entry.p && carried.n >= entry.n
  if (carried.kind === 'member' && entry.kind === 'member') return carried.removed || !entry.removed
  return true
}
