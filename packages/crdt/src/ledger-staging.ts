import type { ReplicaId } from './ids.js'
import type { LedgerEntry } from './ledger-entry.js'

/** What came of a log and acts together. */
export interface StagedEntries {
  /** The clock up to which the log says them. */
  readonly clock: number
  /** They tell the whole of the log, not what follows. */
  readonly whole: boolean
  readonly entries: readonly LedgerEntry[]
}

interface Staged {
  /** Undefined while the log is held in part. */
  clock: number | undefined
  whole: boolean
  readonly entries: LedgerEntry[]
}

/** Keeps what logs say of operations until it may act: of a log that is held in part nothing, and nothing before what it requires of
 *  other logs. */
export class LedgerStaging {
  readonly #staged = new Map<ReplicaId, Staged>()
  /** Logs of which more is known than they said here, and up to which clock. */
  readonly #awaited = new Map<ReplicaId, number>()

  get size(): number {
    return this.#staged.size
  }

  has(log: ReplicaId): boolean {
    return this.#staged.has(log)
  }

  /** Something of a log is known up to `clock`, such as what it absorbed, and not all before it: of what comes nothing acts until it
   *  comes that far. */
  awaits(log: ReplicaId, clock: number): void {
    if (clock > (this.#awaited.get(log) ?? 0)) this.#awaited.set(log, clock)
  }

  /** A log is frozen: what is held of it in part never acts. */
  freeze(log: ReplicaId): void {
    if (this.#awaited.has(log)) this.delete(log)
    else this.dropPart(log)
  }

  /** Answers whether something of the log waited. */
  delete(log: ReplicaId): boolean {
    this.#awaited.delete(log)
    return this.#staged.delete(log)
  }

  /** A log that is held in part is dropped: nothing of it can act until it comes again. */
  dropPart(log: ReplicaId): void {
    const staged = this.#staged.get(log)
    if (staged && staged.clock === undefined) this.#staged.delete(log)
  }

  /** A log came forward from the clock `from` to `clock`. @param complete whether it is held without gaps */
  add(log: ReplicaId, from: number, clock: number, complete: boolean, entries: readonly LedgerEntry[]): void {
    let staged = this.#staged.get(log)
    if (!staged) this.#staged.set(log, (staged = { clock: undefined, whole: false, entries: [] }))
    if (from === 0) {
      staged.whole = true
      staged.entries.length = 0
    }
    staged.entries.push(...entries)
    staged.clock = complete ? clock : undefined
  }

  /** Takes the most that may act together: all that is required acts already, or acts with it, or is of an id that
   *  is folded with it. Logs that came whole may require each other.
   *  @param holds whether a log acts up to a clock, or need not
   *  @param force what is required is not waited for */
  takeClosed(holds: (log: ReplicaId, clock: number) => boolean, force: boolean): Map<ReplicaId, StagedEntries> {
    const closed = new Map<ReplicaId, StagedEntries>()
    for (const [log, { clock, whole, entries }] of this.#staged) {
      // What could be read of a damaged log holds at no clock, and waits for no more of it.
      const isHere = clock !== undefined && (force || clock === 0 || clock >= (this.#awaited.get(log) ?? 0))
      if (isHere) closed.set(log, { clock, whole, entries })
    }
    for (let before = -1; !force && before !== closed.size; ) {
      before = closed.size
      let ended: Set<ReplicaId> | undefined
      const isHeld = (log: ReplicaId, clock: number) => holds(log, clock) || (ended ??= endedIn(closed)).has(log)
      for (const [log, { entries }] of closed) if (!mayAct(log, entries, closed, isHeld)) closed.delete(log)
    }
    for (const [log, { clock }] of closed) {
      this.#staged.delete(log)
      if (clock > 0) this.#awaited.delete(log)
    }
    return closed
  }
}

/** The ids that are folded whole by what may act: all that they said is said by others. */
function endedIn(closed: ReadonlyMap<ReplicaId, StagedEntries>): Set<ReplicaId> {
  const ended = new Set<ReplicaId>()
  for (const { entries } of closed.values()) {
    for (const entry of entries) {
      if (entry.kind === 'fence') for (const replica of entry.ids) ended.add(replica)
    }
  }
  return ended
}

function mayAct(
  log: ReplicaId,
  entries: readonly LedgerEntry[],
  along: ReadonlyMap<ReplicaId, StagedEntries>,
  holds: (log: ReplicaId, clock: number) => boolean,
): boolean {
  return entries.every(
    entry =>
      entry.kind !== 'requires' ||
      entry.log === log ||
      (along.get(entry.log)?.clock ?? 0) >= entry.clock ||
      holds(entry.log, entry.clock),
  )
}
