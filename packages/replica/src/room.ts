import {
  type CheckedUpdate,
  decodeBatch,
  decodeLogUpdate,
  type Entry,
  freshReplicaId,
  type LogWrite,
  type Random,
  type ReplicaId,
  ReplicaLog,
  type StoredLog,
  Table,
} from '@tallymesh/crdt'
import { Carried } from './carried.js'
import type { Membership } from './membership.js'
import type { LogState } from './protocol.js'

/** Bytes of one update that is taken over, about. */
const TAKEN_OVER_BYTES = 256 * 1024

const NONE: readonly number[] = []

/** A log of which a write is under way, and its clock in that write. */
export interface WrittenLog {
  readonly log: ReplicaLog
  readonly clock: number
}

/** All logs that a node holds, the table built from them, and what of both is not on its disk yet. */
export class Room {
  readonly table = new Table()
  readonly logs = new Map<ReplicaId, ReplicaLog>()
  /** Logs with two histories: frozen, not exchanged; what they say lives on in adopted slots. */
  readonly forked = new Set<ReplicaId>()
  readonly carried = new Carried()
  /** The clock up to which each log is on this disk, and complete. */
  readonly #durable = new Map<ReplicaId, number>()
  /** Forks that entries tell of, until `takeForks`. */
  #forks: ReplicaId[] = []
  #writes: LogWrite[] = []
  /** What to write of logs that are fetched afresh: the disk keeps its part until the whole is here. */
  readonly #refetched = new Map<ReplicaId, LogWrite[]>()
  readonly #changed = new Set<number>()

  constructor(readonly members: Membership) {}

  /** Takes in what the store holds of a log. Answers what is wrong with it, if something is: then all that can be read of it
   *  is merged, and the log itself is not held. */
  load(stored: StoredLog): string | undefined {
    const log = new ReplicaLog(stored.log, this.table)
    let damage = stored.damage
    for (const update of stored.updates) {
      const found = this.#loadUpdate(log, update)
      damage ??= found
    }
    if (damage !== undefined) return damage
    this.logs.set(log.id, log)
    if (log.complete) this.#durable.set(log.id, log.clock)
    return undefined
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
      if (!this.logs.has(id) && !this.forked.has(id) && this.table.slotsOf(id).next().done) return id
    }
  }

  /** Makes room for the log of a fresh id. */
  create(id: ReplicaId): ReplicaLog {
    const log = new ReplicaLog(id, this.table)
    this.logs.set(id, log)
    return log
  }

  /** Applies a checked update of another replica: to its document and the table now, to the disk with the next write. */
  apply(log: ReplicaLog, checked: CheckedUpdate): readonly Entry[] {
    const head = log.head
    const before = log.clock
    this.logs.set(log.id, log)
    const entries = this.#merge(log, checked)
    this.#write({
      log: log.id,
      ...(log.clock > before ? { append: { clock: before, update: checked.bytes } } : {}),
      ...(checked.update.deletes && log.head > head ? { head: { clock: log.head, update: log.headUpdate() } } : {}),
    })
    if (log.complete) this.#release(log.id)
    return entries
  }

  /** Takes over what a room whose disk failed held of others' logs and the disk does not: it may have been shown, and no value
   *  falls. Of what it held in part, or forgot to fetch it again, the totals stay.
   *  @param own ids that it wrote under: of those nothing counts that the disk does not have */
  takeOver(old: Room, own: readonly (ReplicaId | undefined)[]): void {
    const excluded = (id: ReplicaId) => own.includes(id) || this.forked.has(id) || old.forked.has(id)
    for (const held of old.logs.values()) {
      if (excluded(held.id)) continue
      const log = this.log(held.id)
      while (held.complete && log.clock < held.clock) {
        const verdict = log.check(held.diff(log.clock, TAKEN_OVER_BYTES).bytes)
        if (verdict.verdict !== 'new') break
        this.apply(log, verdict)
      }
    }
    for (const id of old.table.replicas()) {
      if (excluded(id)) continue
      for (const { key, p, n } of old.table.slotsOf(id)) this.table.merge(id, this.table.idOf(key), p, n)
    }
  }

  /** Forgets a log: in memory now, on disk with the next write. The table keeps what it said. */
  drop(id: ReplicaId): void {
    this.#release(id)
    this.#forget(id)
    this.#write({ log: id, drop: true })
  }

  /** Forgets a log that is held in part, to fetch it again: in memory now, on disk once it is here whole. */
  refetch(id: ReplicaId): void {
    this.#release(id)
    this.#forget(id)
    this.#refetched.set(id, [{ log: id, drop: true }])
  }

  /** Raises the table by entries of a log that came in a way that may not be applied to it. */
  mergeEntries(log: ReplicaId, entries: readonly Entry[]): void {
    for (const entry of entries) this.#note(log, entry)
  }

  /** What a log says, its slots and what it carries besides, as far as no other sound log carries it: entries to adopt. */
  *uncarried(log: ReplicaId): IterableIterator<Entry> {
    for (const { key, p, n } of this.table.slotsOf(log)) {
      const entry: Entry = { kind: 'adopted', replica: log, key, p, n }
      if ((p > 0 || n > 0) && !this.carried.covers(entry, log, this.forked)) yield entry
    }
    for (const entry of [...this.carried.of(log)]) {
      if (this.carried.covers(entry, log, this.forked)) continue
      if (entry.kind !== 'adopted') yield entry
      else yield { ...entry, ...this.table.slot(entry.replica, this.table.idOf(entry.key)) }
    }
  }

  /** The ids that were said to be forked since the last call. */
  takeForks(): ReplicaId[] {
    const forks = this.#forks
    this.#forks = []
    return forks
  }

  /** What waits for the disk; the caller now answers for it. With `holdDrops`, dropped logs stay on the disk for now: what
   *  they said is not yet carried by others. */
  takeWrites(holdDrops: boolean): LogWrite[] {
    const writes = this.#writes
    const dropped = new Set(holdDrops ? writes.filter(({ drop }) => drop).map(({ log }) => log) : [])
    this.#writes = writes.filter(({ log }) => dropped.has(log))
    return writes.filter(({ log }) => !dropped.has(log))
  }

  /** The own log `log` carries an entry that is not a count of its own from now on. What it adopts counts here, too. */
  carry(log: ReplicaId, entry: Entry): void {
    this.carried.note(log, entry)
    const id = this.table.mergeEntry(log, entry)
    if (id !== -1) this.#changed.add(id)
  }

  /** The logs of a write that are complete, and how far the write makes them durable. */
  completeOf(writes: readonly LogWrite[]): WrittenLog[] {
    return [...new Set(writes.map(({ log }) => log))].flatMap(id => {
      const log = this.logs.get(id)
      return log?.complete ? [{ log, clock: log.clock }] : []
    })
  }

  get hasWrites(): boolean {
    return this.#writes.length > 0
  }

  /** The keys (by table id) that changed since the last call. */
  takeChanged(): readonly number[] {
    if (this.#changed.size === 0) return NONE
    const changed = [...this.#changed]
    this.#changed.clear()
    return changed
  }

  markChanged(id: number): void {
    this.#changed.add(id)
  }

  /** What of `log` was held when a write was handed out is durable now; it was complete then. Answers the clock that may be
   *  confirmed: never that of a log that was forgotten since. */
  markDurable(log: ReplicaLog, clock: number): number | undefined {
    if (this.logs.get(log.id) !== log || clock <= this.durableClock(log.id)) return undefined
    this.#durable.set(log.id, clock)
    return clock
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
    this.#durable.delete(id)
  }

  #write(write: LogWrite): void {
    const writes = this.#refetched.get(write.log) ?? this.#writes
    writes.push(write)
  }

  #release(id: ReplicaId): void {
    this.#writes.push(...(this.#refetched.get(id) ?? []))
    this.#refetched.delete(id)
  }

  #loadUpdate(log: ReplicaLog, update: Uint8Array): string | undefined {
    try {
      for (const entry of log.replay(update)) this.#note(log.id, entry)
      return undefined
    } catch (error) {
      this.#salvage(log.id, update)
      return error instanceof Error ? error.message : String(error)
    }
  }

  /** Merges what can still be read of a damaged log. Totals only rise: every batch that can be read may count. */
  #salvage(log: ReplicaId, bytes: Uint8Array): void {
    for (const element of attempt(() => decodeLogUpdate(log, bytes).elements) ?? []) {
      const batch = attempt(() => decodeBatch(element, this.table))
      for (const { entry } of batch?.entries ?? []) this.#note(log, entry)
    }
  }

  #merge(log: ReplicaLog, checked: CheckedUpdate): Entry[] {
    const entries = log.apply(checked)
    for (const entry of entries) this.#note(log.id, entry)
    return entries
  }

  #note(log: ReplicaId, entry: Entry): void {
    this.carried.note(log, entry)
    if (entry.kind === 'member') this.members.record(entry)
    if (entry.kind === 'fork') this.#forks.push(entry.replica)
    const id = this.table.mergeEntry(log, entry)
    if (id !== -1) this.#changed.add(id)
  }
}

/** How far a log is, and a sum over its content and its history. */
export function stateOf({ id, clock, digest, tip }: ReplicaLog): LogState {
  return { log: id, clock, lo: (digest.lo ^ (tip ?? 0)) >>> 0, hi: digest.hi }
}

function attempt<Result>(read: () => Result): Result | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
