import type { Dropped } from './dropped.js'
import type { ClaimEntry, FenceEntry, FoldEntry } from './fold-entry.js'
import { IdLists } from './id-lists.js'
import type { ReplicaId } from './ids.js'
import { adoptedNumber } from './ledger-ids.js'
import type { LogPoint } from './operation.js'
import type { Table } from './table.js'

/** What one log says of ids that are folded. */
interface LogFolds {
  /** The ids that it claims, with the clock at which each claim is held with certainty. */
  readonly claims: Map<ReplicaId, number>
  readonly folds: Map<string, FoldEntry>
  readonly fences: IdLists<ReplicaId>
}

type FoldingEntry = ClaimEntry | FoldEntry | FenceEntry

/** What all logs say of ids that are folded, as far as it acts. A fold takes from slots what absorbed slots of its log hold from the
 *  same batch on; a fence ends the id. */
export class Folds {
  /** Ids that ended while something of them still counted here: their folds were never seen. */
  readonly missed = new Set<ReplicaId>()
  readonly #logs = new Map<ReplicaId, LogFolds>()

  constructor(readonly table: Table) {}

  /** The log `log` says this up to `clock`. Answers the keys (by table id) whose totals changed. */
  take(log: ReplicaId, clock: number, entry: FoldingEntry): readonly number[] {
    const said = this.#of(log)
    switch (entry.kind) {
      case 'claim': {
        const known = said.claims.get(entry.replica)
        const isEarlier = known === undefined || clock < known
        if (isEarlier && !this.table.isRemoved(entry.replica)) said.claims.set(entry.replica, clock)
        return []
      }
      case 'fold':
        said.folds.set(nameOf(entry), entry)
        return this.#fold(entry)
      case 'fence':
        said.fences.take(entry, clock)
        return []
    }
  }

  /** The id is folded whole: nothing is left of what it said, or counted. Answers the keys whose totals changed; undefined where that
   *  was known. */
  end(replica: ReplicaId): readonly number[] | undefined {
    const changed = this.table.remove(replica)
    if (!changed) return undefined
    this.#logs.delete(replica)
    if (changed.length > 0) this.missed.add(replica)
    return changed
  }

  drop(log: ReplicaId, of: Dropped): void {
    const said = this.#logs.get(log)
    if ('claim' in of) said?.claims.delete(of.claim)
    if ('fold' in of) said?.folds.delete(nameOf({ replica: of.fold, number: of.number }))
  }

  /** A log that came whole says nothing of what was there before and is not any more. A fence stays. */
  forgetUnsaid(log: ReplicaId, entries: readonly { readonly kind: string }[]): void {
    const said = this.#logs.get(log)
    if (!said) return
    const claims = new Set<ReplicaId>()
    const folds = new Set<string>()
    for (const entry of entries as readonly FoldingEntry[]) {
      if (entry.kind === 'claim') claims.add(entry.replica)
      if (entry.kind === 'fold') folds.add(nameOf(entry))
    }
    for (const replica of said.claims.keys()) if (!claims.has(replica)) said.claims.delete(replica)
    for (const name of said.folds.keys()) if (!folds.has(name)) said.folds.delete(name)
  }

  /** The logs that claim an id, and up to where they say so. O(logs that say something of folds) */
  *claimsOf(replica: ReplicaId): IterableIterator<LogPoint> {
    for (const [log, { claims }] of this.#logs) {
      const clock = claims.get(replica)
      if (clock !== undefined) yield { log, clock }
    }
  }

  /** The ids that some log claims. */
  claimed(): Set<ReplicaId> {
    return new Set([...this.#logs.values()].flatMap(({ claims }) => [...claims.keys()]))
  }

  /** The ids that a log claims, and since which of its clocks. */
  claimsBy(log: ReplicaId): ReadonlyMap<ReplicaId, number> {
    return this.#logs.get(log)?.claims ?? NO_CLAIMS
  }

  /** Where something holds that held at a point of a log: there, or since that log was folded whole where its fence stands; undefined
   *  where nobody is known who says so. O(fences), where it was folded */
  since(point: LogPoint): LogPoint | undefined {
    if (!this.table.isRemoved(point.log)) return point
    for (const [log, { fences }] of this.#logs) {
      const clock = fences.clockOf(point.log)
      if (clock !== undefined) return { log, clock }
    }
    return undefined
  }

  /** The folds that a log tells of. */
  by(log: ReplicaId): Iterable<FoldEntry> {
    return this.#logs.get(log)?.folds.values() ?? []
  }

  /** Folds and fences of a log that no other one which is `sound` tells of: entries for another log to carry.
   *  @param folder the log that carries the fences, in its own lists; else they stay in the lists in which they are */
  *saidAlone(
    log: ReplicaId,
    sound: (log: ReplicaId) => boolean,
    folder?: ReplicaId,
  ): IterableIterator<FoldEntry | FenceEntry> {
    const said = this.#logs.get(log)
    const others = [...this.#logs].filter(([other]) => sound(other)).map(([, folds]) => folds)
    for (const entry of said?.folds.values() ?? []) {
      const adopted: FoldEntry = { ...entry, number: adoptedNumber(log, entry.number) }
      const isOver = this.table.isRemoved(entry.replica)
      if (!isOver && !others.some(({ folds }) => folds.has(nameOf(adopted)))) yield adopted
    }
    if (!said) return
    if (folder !== undefined) yield* this.fencing(folder, said.fences.ids())
    else {
      for (const { number, ids } of said.fences.lists()) {
        // Whole, or not at all: whoever takes the list over again, knowing of other logs, must not shorten it.
        if (ids.every(replica => others.some(({ fences }) => fences.has(replica)))) continue
        yield { kind: 'fence', number: adoptedNumber(log, number), ids }
      }
    }
  }

  /** What a log has to say to name these ids as folded whole, as far as one commit may. */
  *fencing(log: ReplicaId, replicas: Iterable<ReplicaId>): IterableIterator<FenceEntry> {
    const fences = this.#logs.get(log)?.fences ?? new IdLists()
    for (const list of fences.adding(replicas)) yield { kind: 'fence', ...list }
  }

  /** How many ids are folded whole. */
  get fences(): number {
    return this.table.removed
  }

  #of(log: ReplicaId): LogFolds {
    let said = this.#logs.get(log)
    if (!said) this.#logs.set(log, (said = { claims: new Map(), folds: new Map(), fences: new IdLists() }))
    return said
  }

  /** Whoever has not all of the slots yet takes them from the fold: they count in the absorbed slots. */
  #fold({ replica, slots }: FoldEntry): number[] {
    return slots.map(({ key, p, n }) => {
      const id = this.table.idOf(key)
      this.table.fold(replica, id, p, n)
      this.table.merge(replica, id, p, n)
      return id
    })
  }
}

const NO_CLAIMS: ReadonlyMap<ReplicaId, number> = new Map()

function nameOf({ replica, number }: Pick<FoldEntry, 'replica' | 'number'>): string {
  return `${replica}.${number}`
}
