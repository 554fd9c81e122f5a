import {
  type CheckedUpdate,
  type Entry,
  type LogWrite,
  type ReplicaId,
  ReplicaLog,
  type StoredLog,
  showReplicaId,
  Table,
  TallymeshError,
} from '@tallymesh/crdt'
import type { Membership } from './membership.js'
import type { LogState } from './protocol.js'

/** All logs that a node holds, the table built from them, and what of both is not on its disk yet. */
export class Room {
  readonly table = new Table()
  readonly logs = new Map<ReplicaId, ReplicaLog>()
  /** Logs with two histories: frozen, not exchanged; what they say lives on in adopted slots. */
  readonly forked = new Set<ReplicaId>()
  /** The clock up to which each log is on this disk, and complete. */
  readonly #durable = new Map<ReplicaId, number>()
  /** The largest slot of each forked or damaged log that some other log carries by now. */
  readonly #adopted = new Map<string, { p: number; n: number }>()
  /** Forks that entries tell of, until `takeForks`. */
  #forks: ReplicaId[] = []
  #writes: LogWrite[] = []
  readonly #changed = new Set<number>()

  constructor(readonly members: Membership) {}

  /** Takes in what the store holds of a log. Entries of a damaged log are merged and answered, so that they can be adopted;
   *  the log itself is then forgotten. */
  load(stored: StoredLog): { damage: string; entries: readonly Entry[] } | undefined {
    const log = new ReplicaLog(stored.log, this.table)
    const entries: Entry[] = []
    let damage = stored.damage
    for (const update of stored.updates) {
      try {
        const verdict = log.check(update)
        if (verdict.verdict === 'new') entries.push(...this.#merge(log, verdict))
        else if (verdict.verdict === 'gap') damage ??= `records are missing from clock ${verdict.from} on`
        else if (verdict.verdict === 'diverged') {
          damage ??= verdict.reason
          for (const entry of verdict.entries) this.#note(log.id, entry)
          entries.push(...verdict.entries)
        }
      } catch (error) {
        damage ??= error instanceof Error ? error.message : String(error)
      }
    }
    if (damage !== undefined) return { damage, entries }
    this.logs.set(log.id, log)
    if (log.complete) this.#durable.set(log.id, log.clock)
    return undefined
  }

  /** The log of an id; an empty one where nothing is held. */
  log(id: ReplicaId): ReplicaLog {
    let log = this.logs.get(id)
    if (!log) this.logs.set(id, (log = new ReplicaLog(id, this.table)))
    return log
  }

  /** Applies a checked update of another replica: to its document and the table now, to the disk with the next write. */
  apply(log: ReplicaLog, checked: CheckedUpdate): readonly Entry[] {
    const head = log.head
    const before = log.clock
    const entries = this.#merge(log, checked)
    this.#writes.push({
      log: log.id,
      ...(log.clock > before ? { append: { clock: before, update: checked.bytes } } : {}),
      ...(checked.update.deletes && log.head > head ? { head: { clock: log.head, update: log.headUpdate() } } : {}),
    })
    return entries
  }

  /** Forgets a log: in memory now, on disk with the next write. The table keeps what it said. */
  drop(id: ReplicaId): void {
    this.logs.get(id)?.doc.destroy()
    this.logs.delete(id)
    this.#durable.delete(id)
    this.#writes.push({ log: id, drop: true })
  }

  /** Raises the table by entries that came outside a log that may be applied. Answers whether anything rose. */
  mergeEntries(log: ReplicaId, entries: readonly Entry[]): boolean {
    let risen = false
    for (const entry of entries) risen = this.#note(log, entry) || risen
    return risen
  }

  /** The slots of a log that no other log carries yet, as entries to adopt. */
  *unadopted(log: ReplicaId): IterableIterator<Entry> {
    for (const { key, p, n } of this.table.slotsOf(log)) {
      const adopted = this.#adopted.get(adoptedName(log, key))
      if ((p > 0 || n > 0) && (!adopted || adopted.p < p || adopted.n < n)) {
        yield { kind: 'adopted', replica: log, key, p, n }
      }
    }
  }

  /** The ids that were said to be forked since the last call. */
  takeForks(): ReplicaId[] {
    const forks = this.#forks
    this.#forks = []
    return forks
  }

  /** What waits for the disk; the caller now answers for it. */
  takeWrites(): LogWrite[] {
    const writes = this.#writes
    this.#writes = []
    return writes
  }

  get hasWrites(): boolean {
    return this.#writes.length > 0
  }

  /** The keys (by table id) that changed since the last call. */
  takeChanged(): number[] {
    const changed = [...this.#changed]
    this.#changed.clear()
    return changed
  }

  markChanged(id: number): void {
    this.#changed.add(id)
  }

  /** What of `log` was held when a write was handed out is durable now. Answers the clock that may be confirmed: never that of
   *  a log that is incomplete or was forgotten since. */
  markDurable(log: ReplicaLog, clock: number): number | undefined {
    if (this.logs.get(log.id) !== log || !log.complete || clock <= this.durableClock(log.id)) return undefined
    this.#durable.set(log.id, clock)
    return clock
  }

  durableClock(id: ReplicaId): number {
    return this.#durable.get(id) ?? 0
  }

  /** The states of all logs that are exchanged; `own` stands in for the own log, whose last commit may not be durable. */
  *states(own: LogState | undefined): IterableIterator<LogState> {
    for (const log of this.logs.values()) {
      if (this.forked.has(log.id)) continue
      if (own?.log === log.id) yield own
      else if (log.clock > 0) yield { log: log.id, clock: log.clock, lo: log.digest.lo, hi: log.digest.hi }
    }
  }

  /** The refusal of an update, said so that an operator can find its log. */
  static damaged(id: ReplicaId, reason: string): TallymeshError {
    return new TallymeshError(
      'LOG_DAMAGED',
      `log ${showReplicaId(id)} is damaged: ${reason}. What it said is kept; the log is fetched afresh from a peer`,
    )
  }

  #merge(log: ReplicaLog, checked: CheckedUpdate): Entry[] {
    const entries = log.apply(checked)
    for (const entry of entries) this.#note(log.id, entry)
    return entries
  }

  #note(log: ReplicaId, entry: Entry): boolean {
    switch (entry.kind) {
      case 'member':
        this.members.record(entry)
        return false
      case 'fork':
        this.#forks.push(entry.replica)
        return false
      case 'adopted':
        this.#noteAdopted(entry)
    }
    const id = this.table.mergeEntry(log, entry)
    if (id !== -1) this.#changed.add(id)
    return id !== -1
  }

  #noteAdopted({ replica, key, p, n }: { replica: ReplicaId; key: string; p: number; n: number }): void {
    const name = adoptedName(replica, key)
    const known = this.#adopted.get(name)
    this.#adopted.set(name, { p: Math.max(p, known?.p ?? 0), n: Math.max(n, known?.n ?? 0) })
  }
}

function adoptedName(replica: ReplicaId, key: string): string {
  return `${replica} ${key}`
}
