import {
  type AdoptedEntry,
  type CheckedUpdate,
  type Entry,
  freshReplicaId,
  isLedgerEntry,
  Ledger,
  type LedgerEntry,
  type LogPoint,
  type LogWrite,
  type OtherEntry,
  type Random,
  type ReplicaId,
  ReplicaLog,
  type StoredLog,
  saidAlone,
  Table,
} from '@tallymesh/crdt'
import { BegunAnew } from './begun-anew.js'
import { Carried } from './carried.js'
import { ChangedKeys } from './changed-keys.js'
import type { Membership } from './membership.js'
import { PendingWrites } from './pending-writes.js'
import { type LogState, stateOf } from './protocol.js'
import { replayStored, undoubted } from './stored-log.js'

/** A log of which a write is under way, and its clock in that write. */
export interface WrittenLog {
  readonly log: ReplicaLog
  readonly clock: number
}

/** All logs that a node holds, the table built from them, and what of both is not on its disk yet. */
export class Room {
  readonly table: Table
  readonly logs = new Map<ReplicaId, ReplicaLog>()
  /** Logs with two histories: frozen, not exchanged; what they say lives on in adopted slots. */
  readonly forked = new Set<ReplicaId>()
  readonly carried = new Carried()
  /** Those of them of which the room may have forgotten operations, unnoticed here. */
  readonly #doubted = new Set<ReplicaId>()
  readonly ledger: Ledger
  /** The clock up to which each log is on this disk, and complete. */
  readonly #durable = new Map<ReplicaId, number>()
  /** Forks that entries tell of, until `takeForks`. */
  #forks: ReplicaId[] = []
  readonly writes = new PendingWrites()
  readonly #changed = new ChangedKeys()
  readonly begunAnew = new BegunAnew()
  /** What no log adopted of slots whose totals fell in the log applied last: across a gap nothing else tells of another history. */
  fallen: AdoptedEntry[] = []
  /** The ids that were folded whole since somebody looked. */
  ended: ReplicaId[] = []

  /** @param hashSeed see `Table` */
  constructor(
    readonly members: Membership,
    hashSeed: number,
  ) {
    this.table = new Table(hashSeed)
    this.ledger = new Ledger(
      this.table,
      log => this.forked.has(log),
      log => this.#doubted.has(log),
    )
  }

  /** Takes in what the store holds of a log. Answers what is wrong with it, if something is: then all that can be read of it
   *  is merged, and the log itself is not held. */
  load(stored: StoredLog): string | undefined {
    if (this.isOver(stored.log)) {
      this.writes.add({ log: stored.log, drop: true })
      return undefined
    }
    const log = new ReplicaLog(stored.log, this.table)
    const said: LedgerEntry[] = []
    // Nobody watches yet: what changes is not told.
    const takeSlot = (id: number, p: number, n: number) => void this.table.merge(log.id, id, p, n)
    const damage = replayStored(log, stored, takeSlot, entry => this.#note(log.id, entry, said))
    if (damage) {
      // At no clock: the log has to come again for that, and as far as it is known what it absorbed.
      if (said.length > 0) this.#act({ id: log.id, clock: 0 }, 0, undoubted(said), true)
      this.ledger.staging.awaits(log.id, damage.absorbedClock)
      return damage.reason
    }
    this.#act(log, 0, said, log.complete)
    this.logs.set(log.id, log)
    if (log.complete) this.#durable.set(log.id, log.clock)
    return undefined
  }

  /** Whether nothing of this log is taken in: it is frozen, or folded whole. */
  isClosed(id: ReplicaId): boolean {
    return this.forked.has(id) || this.isOver(id)
  }

  /** Whether the id is folded whole. */
  isOver(id: ReplicaId): boolean {
    return this.table.isRemoved(id)
  }

  /** The log of an id; an empty one where nothing is held. */
  log(id: ReplicaId): ReplicaLog {
    return this.logs.get(id) ?? new ReplicaLog(id, this.table)
  }

  /** An id that nobody here has heard of: a process that was set back to an earlier memory, generator included, draws ids again
   *  that it used before. */
  freshId(random: Random): ReplicaId {
    for (;;) {
      const id = freshReplicaId(random)
      if (!this.logs.has(id) && !this.isClosed(id) && this.table.slotsOf(id).next().done) return id
    }
  }

  /** Makes room for the log of a fresh id. */
  create(id: ReplicaId): ReplicaLog {
    const log = new ReplicaLog(id, this.table)
    this.logs.set(id, log)
    return log
  }

  /** Applies a checked update of another replica: to its document and the table now, to the disk with the next write. */
  apply(log: ReplicaLog, checked: CheckedUpdate): void {
    const head = log.head
    const before = log.clock
    this.logs.set(log.id, log)
    if (before === 0 && !this.table.slotsOf(log.id).next().done) this.begunAnew.add(log.id)
    this.fallen = []
    const said: LedgerEntry[] = []
    log.apply(checked, entry => {
      const fallen = this.#note(log.id, entry, said) ? undefined : this.begunAnew.fallen(this, log.id, entry)
      if (fallen) this.fallen.push(fallen)
    })
    this.#act(log, before, said, log.complete)
    this.writes.add({
      log: log.id,
      ...(log.clock > before ? { append: { clock: before, update: checked.bytes } } : {}),
      ...(checked.update.deletes && log.head > head ? { head: { clock: log.head, update: log.headUpdate() } } : {}),
    })
    if (log.complete) this.writes.release(log.id)
  }

  /** Forgets a log: in memory now, on disk with the next write. The table keeps what it said. */
  drop(id: ReplicaId): void {
    this.writes.release(id)
    this.#forget(id)
    this.writes.add({ log: id, drop: true })
  }

  /** Forgets a log that is held in part, to fetch it again: in memory now, on disk once it is here whole. */
  refetch(id: ReplicaId): void {
    this.writes.release(id)
    this.#forget(id)
    this.writes.hold(id)
  }

  /** Raises the table by entries of a log that may not be applied to it. What they say of operations is left out. */
  mergeEntries(log: ReplicaId, entries: readonly Entry[]): void {
    for (const entry of entries) this.#note(log, entry, [])
  }

  /** Two histories exist under this id: its log is frozen.
   *  @param doubted the room may have forgotten operations of it, unnoticed here */
  freeze(log: ReplicaId, doubted: boolean): void {
    if (!this.isOver(log)) this.forked.add(log)
    if (doubted && !this.isOver(log)) this.#doubted.add(log)
    this.#acted(this.ledger.freeze(log))
    this.#voidFrozen()
  }

  /** What waits for logs that nobody holds any more acts now. */
  actWithout(): void {
    this.#acted(this.ledger.drain(true))
  }

  /** What frozen logs said of operations is said by others now. */
  #voidFrozen(): void {
    for (const log of this.forked) {
      if (saidAlone(this.ledger, log).next().done) this.#acted(this.ledger.void(log))
    }
  }

  /** The ids that were said to be forked since the last call. */
  takeForks(): ReplicaId[] {
    const forks = this.#forks.filter(log => !this.isOver(log))
    this.#forks = []
    return forks
  }

  /** The own log came forward by a commit: what it says of operations acts. */
  wrote(log: ReplicaLog, from: number, entries: readonly OtherEntry[]): void {
    this.#act(log, from, entries.filter(isLedgerEntry), true)
  }

  /** The own log `log` carries an entry that is not a count of its own from now on. What it adopts counts here, too. */
  carry(log: ReplicaId, entry: OtherEntry): void {
    if (entry.kind === 'drop') this.carried.drop(log, entry.of)
    if (isLedgerEntry(entry)) return
    this.#take(log, entry)
  }

  /** The logs of a write that are complete, and how far the write makes them durable. */
  completeOf(writes: readonly LogWrite[]): WrittenLog[] {
    return [...new Set(writes.map(({ log }) => log))].flatMap(id => {
      const log = this.logs.get(id)
      return log?.complete ? [{ log, clock: log.clock }] : []
    })
  }

  /** The keys (by table id) that changed since the last call. */
  takeChanged(): readonly number[] {
    return this.#changed.take()
  }

  markChanged(id: number): void {
    this.#changed.add(id)
  }

  /** What of `log` was held when a write was handed out is durable now; it was complete then. Answers what may be
   *  confirmed: nothing of a log that was forgotten since. */
  markDurable(log: ReplicaLog, clock: number): LogPoint[] {
    if (this.logs.get(log.id) !== log || clock <= this.durableClock(log.id)) return []
    this.#durable.set(log.id, clock)
    return [{ log: log.id, clock }]
  }

  durableClock(id: ReplicaId): number {
    return this.#durable.get(id) ?? 0
  }

  /** The states of all logs that can be served. For the `live` one, of which commits may be in flight, `own` stands in: how
   *  far it is durable, if anything of it is. */
  *states(live: ReplicaId | undefined, own: LogState | undefined): IterableIterator<LogState> {
    if (own) yield own
    for (const log of this.logs.values()) {
      if (log.id === live || this.forked.has(log.id)) continue
      if (log.clock > 0 && log.complete) yield stateOf(log)
    }
  }

  #forget(id: ReplicaId): void {
    this.logs.get(id)?.doc.destroy()
    this.logs.delete(id)
    this.carried.forget(id)
    this.ledger.staging.dropPart(id)
    this.#durable.delete(id)
  }

  /** Takes in what a log says. Answers whether a slot rose.
   *  @param said takes what the entry says of operations */
  #note(log: ReplicaId, entry: Entry, said: LedgerEntry[]): boolean {
    if (isLedgerEntry(entry)) {
      if (entry.kind === 'drop') this.carried.drop(log, entry.of)
      // Of what is folded the table may learn before it comes in its own log.
      if (entry.kind === 'fold') this.begunAnew.add(entry.replica)
      said.push(entry)
      return false
    }
    if (entry.kind === 'fork' && !this.isOver(entry.replica)) this.#forks.push(entry.replica)
    return this.#take(log, entry)
  }

  #take(log: ReplicaId, entry: Entry): boolean {
    if (entry.kind !== 'slot') this.carried.note(log, entry)
    if (entry.kind === 'member' || entry.kind === 'removals') this.members.record(entry)
    const id = this.table.mergeEntry(log, entry)
    if (id !== -1) this.#changed.add(id)
    return id !== -1
  }

  #acted(changed: readonly number[]): void {
    for (const id of changed) this.#changed.add(id)
    for (const log of this.ledger.takeFenced()) this.#end(log)
  }

  /** The id is folded whole: what it counted counts elsewhere, and what its log said others say. */
  #end(log: ReplicaId): void {
    this.ended.push(log)
    this.forked.delete(log)
    this.#doubted.delete(log)
    this.begunAnew.delete(log)
    if (this.logs.has(log)) this.drop(log)
  }

  #act(
    { id, clock }: Pick<ReplicaLog, 'id' | 'clock'>,
    from: number,
    said: readonly LedgerEntry[],
    complete: boolean,
  ): void {
    this.#acted(this.ledger.take(id, from, clock, complete, said))
    if (this.forked.size > 0 && said.length > 0) this.#voidFrozen()
  }
}
