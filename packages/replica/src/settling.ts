import {
  absorbedUnder,
  type CounterKey,
  countsBytes,
  hashOf,
  type Ledger,
  type LogLedger,
  type LogPoint,
  type Operation,
  type OperationCount,
  type OperationId,
  type OtherEntry,
  operationTimeMs,
  pointOf,
  type ReplicaId,
  SETTLEMENT_MAX,
  type SettledOperation,
  type SettlementEntry,
} from '@tallymesh/crdt'
import type { Commits } from './commits.js'
import type { Room } from './room.js'
import { type SeenSettlement, SettlementAges } from './settlement-ages.js'
import type { Stands } from './stands.js'

/** Bytes of one settlement, of its mark and of the absorbed slots that it raises, at most: they are one batch. */
const SETTLEMENT_BYTES_MAX = 60 * 1024
/** Bytes that each operation takes in the mark. */
const MARK_BYTES = 24
/** Bytes by which the totals of a slot may be longer than the counts that they are raised by. */
const TOTALS_BYTES = 16
const ABSORBED_MAX = 1_000
/** Operations, or settlements, that one commit drops at most: it has to have room for others. */
const DROPS_MAX = 512
/** Operations, about, that one commit forgets at most: all nodes go through them at once. Twice as many as a commit brings. */
const FORGOTTEN_MAX = 4_096
/** For how many retry windows a settlement is remembered: an id may be made up to one ahead of the clocks. */
const OWN_WINDOWS = 2
/** And one that its own log does not take back. */
const FOREIGN_WINDOWS = 4
/** Operations that are looked at for one commit. */
const LOOKED_AT_MAX = 4_096
/** For how long what settles waits, at most, for a commit that brings nothing else: a burst is taken first, and settled behind it. */
const PATIENCE_MS = 1_000

/** Moves operations out of the way once every member is known to know them: from the logs that carry them into absorbed slots of one
 *  of those logs, and at last out of everybody's memory. */
export class Settling {
  /** Whether there is something for the next commit. */
  due = false
  /** A commit of its own would keep new operations waiting. */
  readonly hurried = false
  #nowMs = 0
  #wallMs = 0
  readonly #ages: SettlementAges
  /** Settlements whose window is over. */
  #old: readonly SeenSettlement[] = []
  #crowded = false

  constructor(
    readonly room: Room,
    readonly commits: Commits,
    readonly stands: Stands,
    readonly retryWindowMs: number,
    /** Operations that are remembered before those with a time are forgotten early. */
    readonly rememberedMax: number,
    /** Whether nobody writes a log any more. */
    readonly isFinal: (log: ReplicaId) => boolean,
  ) {
    this.#ages = new SettlementAges(room.ledger)
  }

  look(nowMs: number, wallMs: number): void {
    this.#nowMs = nowMs
    this.#wallMs = wallMs
    this.#crowded = this.room.ledger.operations.size > this.rememberedMax
    this.#old = this.#ages.old(nowMs, this.#crowded ? this.#earlyMs : OWN_WINDOWS * this.retryWindowMs)
    if (this.#old.length > 0) this.#forgetForeign()
    // What was found due stays so until it is taken.
    if (!this.due || this.commits.replica === undefined) this.due = this.#plan(1, 1).length > 0
  }

  /** What the next commit of the own log says to get on. It stands first in that commit: a settlement and the slots that it
   *  raises share a batch. */
  take(): OtherEntry[] {
    if (this.commits.pending && this.#isPatient) return this.#plan(0, DROPS_MAX)
    this.due = false
    return this.#plan(SETTLEMENT_MAX, DROPS_MAX)
  }

  /** Whether nothing that is open waits for long. */
  get #isPatient(): boolean {
    const { sinceMs = Number.NEGATIVE_INFINITY } = this.room.ledger.open
    return this.#nowMs - sinceMs < PATIENCE_MS
  }

  /** @param operationsMax how many operations it settles at most
   *  @param dropsMax how many operations it drops at most, and how many settlements */
  #plan(operationsMax: number, dropsMax: number): OtherEntry[] {
    const own = this.commits.replica
    const ledger = own === undefined ? undefined : this.room.ledger.logs.get(own)
    // Of a log that does not act as a whole yet, the absorbed slots may be too low.
    if (own === undefined || !ledger || ledger.clock !== this.room.log(own).clock || this.room.forked.has(own))
      return []
    const held = new HeldByAll(this.stands, this.room.ledger)
    const drops: OtherEntry[] = []
    const required = new Map<ReplicaId, number>()
    const settlement = new NextSettlement(this.room, own, operationsMax)
    let looks = 0
    for (const operation of ledger.carried) {
      const { id, carriers, settlers } = operation
      const point = pointOf(carriers, own)
      const isHeld = point !== undefined && held.has(point)
      if (!isHeld || ++looks > LOOKED_AT_MAX || settlement.full || drops.length === dropsMax) break
      const settled = settlers.find(held.has)
      if (settled) {
        require(required, settled)
        drops.push({ kind: 'drop', of: { operation: id } })
      } else if (settlers.length === 0 && carriers.every(({ log }) => log >= own || this.isFinal(log))) {
        // Of all carriers that are still written the one with the smallest id settles.
        settlement.add(operation)
      }
    }
    const forgotten = this.#forget(own, ledger, held, required, dropsMax)
    const requires = [...required].map(([log, clock]): OtherEntry => {
      // It takes the place of an earlier one, which still holds.
      return { kind: 'requires', log, clock: Math.max(clock, ledger.requires.get(log) ?? 0) }
    })
    return [...settlement.entries(this.room.log(own).clock), ...requires, ...forgotten, ...drops]
  }

  /** Own settlements that nobody needs any more: their window is over, every member holds them, and nobody carries what they name. */
  #forget(
    own: ReplicaId,
    ledger: LogLedger,
    held: HeldByAll,
    required: Map<ReplicaId, number>,
    settlementsMax: number,
  ): OtherEntry[] {
    const entries: OtherEntry[] = []
    let floorMs = 0
    let left = FORGOTTEN_MAX
    for (const { log, clock, entry, sinceMs } of this.#old) {
      if (entries.length === settlementsMax || left <= 0) break
      const settlement = ledger.settlements.get(entry.number)
      if (log !== own || held.of(own) < clock || !settlement) continue
      const early = this.#nowMs - sinceMs < OWN_WINDOWS * this.retryWindowMs
      if (early ? !this.#mayGoEarly(entry) : !this.#isOver(entry)) continue
      const { operations } = settlement
      if (operations.some(({ carriers, drops }) => carriers.length > 0 || !drops.every(held.since))) continue
      for (const { drops } of operations) {
        for (const drop of drops) require(required, this.room.ledger.folds.since(drop))
      }
      left -= operations.length
      for (const { id } of entry.operations) floorMs = Math.max(floorMs, this.#floorOf(id, early))
      entries.push({ kind: 'drop', of: { settlement: entry.number } })
    }
    required.delete(own)
    return floorMs > ledger.floorMs ? [{ kind: 'floor', timeMs: floorMs }, ...entries] : entries
  }

  /** Settlements whose writers are gone: each node forgets them for itself, long after their writer would have. One that is linked waits for
   *  what it is told of them, and nobody would tell it again who remembers nothing. */
  #forgetForeign(): void {
    for (const { log, clock, entry, sinceMs } of this.#old) {
      if (log === this.commits.replica || this.stands.peers.hasReplica(log)) continue
      if (this.#nowMs - sinceMs < FOREIGN_WINDOWS * this.retryWindowMs) continue
      // What waits for a commit is carried by it.
      const isCarried = ({ id }: SettledOperation) =>
        this.commits.extra.operation(id) !== undefined ||
        (this.room.ledger.operations.get(id)?.carriers.length ?? 0) > 0
      // A log that was damaged everywhere never comes again.
      const isHeld = !this.room.logs.has(log) || this.stands.heldByAll(log) >= clock
      if (!isHeld || entry.operations.some(isCarried)) continue
      for (const id of this.room.ledger.forget(log, entry.number)) this.room.markChanged(id)
    }
  }

  /** How old a settlement is at least when it is forgotten, however many there are. */
  get #earlyMs(): number {
    return this.retryWindowMs / 20
  }

  /** Too many are remembered: those that carry a time may be forgotten before their window is over. A late retry is refused then, as
   *  older than the floor; others would count again. */
  #mayGoEarly({ operations }: SettlementEntry): boolean {
    const latestMs = this.#wallMs - this.#earlyMs
    return this.#crowded && operations.every(({ id }) => (operationTimeMs(id) ?? Number.POSITIVE_INFINITY) <= latestMs)
  }

  /** Whether the window is over by the clock, too, which may have been set back: then a floor refuses what is named, wherever it turns up. */
  #isOver({ operations }: SettlementEntry): boolean {
    const latestMs = this.#wallMs - this.retryWindowMs
    return operations.every(({ id }) => (operationTimeMs(id) ?? 0) <= latestMs)
  }

  /** Never a time that new operations may still come with, whatever an id says. */
  #floorOf(id: OperationId, early: boolean): number {
    const timeMs = operationTimeMs(id) ?? 0
    return early ? timeMs : Math.max(0, Math.min(timeMs, this.#wallMs - this.retryWindowMs))
  }
}

/** What all members hold, asked once for each log. */
class HeldByAll {
  readonly #clocks = new Map<ReplicaId, number>()

  constructor(
    readonly stands: Stands,
    readonly ledger: Ledger,
  ) {}

  of(log: ReplicaId): number {
    let clock = this.#clocks.get(log)
    if (clock === undefined) this.#clocks.set(log, (clock = this.stands.heldByAll(log)))
    return clock
  }

  readonly has = ({ log, clock }: LogPoint): boolean => this.of(log) >= clock

  /** As `has`; who folded a log says what it said. Until then members may go on with what a frozen log said before. */
  readonly since = (point: LogPoint): boolean => {
    const said = this.ledger.folds.since(point)
    return said === undefined || (!this.ledger.isVoid(said.log) && this.has(said))
  }
}

/** Operations that settle in one commit, and the slots that take them over. */
class NextSettlement {
  readonly #operations: Operation[] = []
  readonly #slots = new Map<CounterKey, { p: number; n: number }>()
  #bytes = 0
  full = false

  constructor(
    readonly room: Room,
    readonly own: ReplicaId,
    readonly operationsMax: number,
  ) {}

  /** Takes an operation, unless it does not fit: then it waits for the next commit, or for ever where a slot has no room. */
  add(operation: Operation): void {
    const { counts } = operation
    if (!counts || this.full) return
    const raised = counts.filter(({ key }) => !this.#slots.has(key))
    const bytes = MARK_BYTES + countsBytes(raised) + TOTALS_BYTES * raised.length
    this.full =
      this.#operations.length === this.operationsMax ||
      this.#bytes + bytes > SETTLEMENT_BYTES_MAX ||
      this.#slots.size + raised.length > ABSORBED_MAX
    if (this.full || counts.some(count => !this.#fits(count))) return
    this.#bytes += bytes
    this.#operations.push(operation)
    for (const { key, p, n } of counts) {
      const slot = this.#slot(key)
      this.#slots.set(key, { p: slot.p + p, n: slot.n + n })
    }
  }

  /** @param number one that this log used for no other settlement: the clock at which this one stands */
  entries(number: number): OtherEntry[] {
    if (this.#operations.length === 0) return []
    const operations = this.#operations.map((operation): SettledOperation => {
      const { lo, hi } = hashOf(operation)
      return { id: operation.id, lo, hi }
    })
    const absorbed = [...this.#slots].map(([key, { p, n }]): OtherEntry => ({ kind: 'absorbed', key, p, n }))
    return [...absorbed, { kind: 'settlement', number, operations }]
  }

  #fits({ key, p, n }: OperationCount): boolean {
    const slot = this.#slot(key)
    return slot.p + p <= Number.MAX_SAFE_INTEGER && slot.n + n <= Number.MAX_SAFE_INTEGER
  }

  #slot(key: CounterKey): { readonly p: number; readonly n: number } {
    return this.#slots.get(key) ?? this.room.table.slot(absorbedUnder(this.own), this.room.table.idOf(key))
  }
}

/** Of a point that is known nowhere, or that a damaged log told of, nothing can be required. */
function require(required: Map<ReplicaId, number>, point: LogPoint | undefined): void {
  if (point === undefined || !Number.isFinite(point.clock)) return
  const { log, clock } = point
  required.set(log, Math.max(clock, required.get(log) ?? 0))
}
