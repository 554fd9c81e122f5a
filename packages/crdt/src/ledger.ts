import { CarriedOperations } from './carried-operations.js'
import type { Dropped } from './dropped.js'
import { Folds } from './folds.js'
import { IdentityMap } from './identity-map.js'
import type { ReplicaId } from './ids.js'
import type { LedgerEntry } from './ledger-entry.js'
import { absorbedUnder } from './ledger-ids.js'
import { LedgerStaging, type StagedEntries } from './ledger-staging.js'
import { OpenOperations } from './open-operations.js'
import {
  type ArrivedSettlement,
  type LogLedger,
  type LogPoint,
  newOperation,
  type Operation,
  type OperationHash,
  pointOf,
  withoutPoint,
  withPoint,
} from './operation.js'
import type { OperationCount, SettlementEntry } from './operation-entry.js'
import type { OperationId } from './operation-id.js'
import type { Table } from './table.js'
import { Weighing } from './weighing.js'

/** What all logs say of operations, and of ids that are folded, together. An operation counts once: beside the slots while some log
 *  carries it, and in absorbed slots once a log settled it. Entries act only where that holds at every moment: those of one update
 *  together; of a log that is held in part none; and none before what they require of other logs acts. So what acts is a cut of all
 *  histories that is closed under their causes, and no read on the way sees an operation twice, or not at all after it was seen. */
export class Ledger {
  readonly operations = new IdentityMap<OperationId, Operation>()
  readonly logs = new Map<ReplicaId, LogLedger>()
  /** The operations that count beside the slots: they are not settled. */
  readonly open = new OpenOperations()
  readonly #weighing = new Weighing()
  /** The caller's time, in ms from any moment on. */
  nowMs = 0
  /** The largest floor that some log declared, in ms since 1970. */
  floorMs = 0
  /** Counts up with everything that acts. */
  version = 0
  readonly folds: Folds
  readonly staging = new LedgerStaging()
  #changed: number[] = []
  #arrived: ArrivedSettlement[] = []
  #fenced: ReplicaId[] = []

  /** @param isVoid whether nothing can be required of a log: it is frozen
   *  @param isDoubted whether what a frozen log says may have been forgotten by the room, unnoticed here */
  constructor(
    readonly table: Table,
    readonly isVoid: (log: ReplicaId) => boolean,
    readonly isDoubted: (log: ReplicaId) => boolean = () => false,
  ) {
    this.folds = new Folds(table)
  }

  /** Up to which clock everything that `log` says of operations acts. */
  clockOf(log: ReplicaId): number {
    return this.logs.get(log)?.clock ?? 0
  }

  /** Whether some log came further than what acts of it. */
  get waits(): boolean {
    return this.staging.size > 0
  }

  /** A log came forward from the clock `from` to `clock`, saying `entries`. Answers the keys (by table id) that changed.
   *  @param complete whether the log is held without gaps */
  take(
    log: ReplicaId,
    from: number,
    clock: number,
    complete: boolean,
    entries: readonly LedgerEntry[],
  ): readonly number[] {
    if (this.table.isRemoved(log)) return NONE
    const plain = entries.length === 0 && complete && from > 0 && !this.staging.has(log)
    // One that begins anew may come from somebody who holds less of it than acted here.
    if (from === 0) this.staging.awaits(log, this.clockOf(log))
    if (plain) this.#of(log).clock = clock
    else this.staging.add(log, from, clock, complete, entries)
    return this.staging.size > 0 ? this.drain() : NONE
  }

  /** Lets everything act that may. Answers the keys that changed.
   *  @param force what is required and nobody holds any more is not waited for */
  drain(force = false): readonly number[] {
    const holds = (log: ReplicaId, clock: number) => this.clockOf(log) >= clock || !this.isSound(log)
    // Of an id that is folded whole nothing can be required any more: what waited for it acts, too.
    for (let removed = -1; removed !== this.table.removed; ) {
      removed = this.table.removed
      for (const [log, staged] of this.staging.takeClosed(holds, force)) this.#act(log, staged)
    }
    this.#weighing.weigh(this, this.#changed)
    if (this.#changed.length === 0) return NONE
    const changed = this.#changed
    this.#changed = []
    return changed
  }

  /** The settlements that acted for the first time since the last call, in their order. */
  takeArrived(): readonly ArrivedSettlement[] {
    const arrived = this.#arrived
    if (arrived.length > 0) this.#arrived = []
    return arrived
  }

  /** The ids that were folded whole since the last call, of those that were known here by more than slots. */
  takeFenced(): readonly ReplicaId[] {
    const fenced = this.#fenced
    if (fenced.length > 0) this.#fenced = []
    return fenced
  }

  /** A settlement is remembered no longer, until its log is loaded anew. Answers the keys that changed. */
  forget(log: ReplicaId, number: number): readonly number[] {
    const ledger = this.logs.get(log)
    if (!ledger) return NONE
    this.#unsettle(log, ledger, number)
    return this.drain()
  }

  /** A log is frozen: what is held of it in part stays so, and never acts. Answers the keys that changed. */
  freeze(log: ReplicaId): readonly number[] {
    this.staging.freeze(log)
    return this.drain()
  }

  /** What a frozen log says of operations does not act any more: others say it. */
  void(log: ReplicaId): readonly number[] {
    const ledger = this.logs.get(log)
    if (!ledger || ledger.carried.size + ledger.settlements.size === 0) return NONE
    this.version++
    const at = { log, clock: ledger.clock }
    for (const operation of [...ledger.carried]) this.#uncarry(at, ledger, operation)
    for (const number of [...ledger.settlements.keys()]) this.#unsettle(log, ledger, number)
    return this.drain()
  }

  #of(log: ReplicaId): LogLedger {
    let ledger = this.logs.get(log)
    if (!ledger) {
      ledger = { clock: 0, carried: new CarriedOperations(), settlements: new Map(), requires: new Map(), ...NOTHING }
      this.logs.set(log, ledger)
    }
    return ledger
  }

  #act(log: ReplicaId, { clock, whole, entries }: StagedEntries): void {
    // Folded whole by what acted just before: others say all that it said.
    if (this.table.isRemoved(log)) return
    const ledger = this.#of(log)
    const before = whole ? { carried: [...ledger.carried], settlements: [...ledger.settlements.keys()] } : undefined
    ledger.clock = clock
    if (entries.length > 0 || before?.carried.length || before?.settlements.length) this.version++
    if (before) this.#forgetUnsaid(log, ledger, before, entries)
    if (whole) this.folds.forgetUnsaid(log, entries)
    // What could be read of a damaged log holds at no clock, until the log comes again.
    const at = { log, clock: clock > 0 ? clock : Number.POSITIVE_INFINITY }
    for (const entry of entries) this.#take(at, ledger, entry)
  }

  /** A log that came whole says nothing of what was there before and is not any more. */
  #forgetUnsaid(
    log: ReplicaId,
    ledger: LogLedger,
    before: { carried: Operation[]; settlements: number[] },
    entries: readonly LedgerEntry[],
  ): void {
    const said = new Set<OperationId | number>()
    for (const entry of entries) {
      if (entry.kind === 'operation') said.add(entry.id)
      if (entry.kind === 'settlement') said.add(entry.number)
    }
    const by = { log, clock: ledger.clock }
    for (const operation of before.carried) if (!said.has(operation.id)) this.#uncarry(by, ledger, operation)
    for (const number of before.settlements) if (!said.has(number)) this.#unsettle(log, ledger, number)
  }

  #take(at: LogPoint, ledger: LogLedger, entry: LedgerEntry): void {
    const { log } = at
    switch (entry.kind) {
      case 'operation': {
        const operation = this.#operation(entry.id, entry.counts)
        operation.counts ??= entry.counts
        if (!pointOf(operation.carriers, log)) {
          operation.carriers = withPoint(operation.carriers, at)
          ledger.carried.add(operation)
        }
        this.#weighing.touch(operation)
        return
      }
      case 'settlement':
        return this.#settle(at, ledger, entry)
      case 'absorbed': {
        const id = this.table.idOf(entry.key)
        if (this.table.merge(absorbedUnder(log), id, entry.p, entry.n)) this.#changed.push(id)
        return
      }
      case 'drop':
        return this.#drop(at, ledger, entry.of)
      case 'floor':
        ledger.floorMs = Math.max(ledger.floorMs, entry.timeMs)
        this.floorMs = Math.max(this.floorMs, entry.timeMs)
        return
      case 'admission':
        ledger.admission = entry
        return
      case 'requires':
        ledger.requires.set(entry.log, Math.max(entry.clock, ledger.requires.get(entry.log) ?? 0))
        return
      case 'fence':
        for (const replica of entry.ids) this.#end(replica, at)
    }
    for (const id of this.folds.take(log, at.clock, entry)) this.#changed.push(id)
  }

  #settle(at: LogPoint, ledger: LogLedger, entry: SettlementEntry): void {
    const known = ledger.settlements.get(entry.number)
    if (known && known.clock <= at.clock) {
      for (const { id } of entry.operations) this.#uncarry(at, ledger, this.operations.get(id))
      return
    }
    const operations = entry.operations.map(settled => this.#operation(settled.id, undefined, settled))
    ledger.settlements.set(entry.number, { entry, clock: at.clock, operations })
    this.#arrived.push({ ...at, entry })
    for (const [i, operation] of operations.entries()) {
      operation.hash ??= entry.operations[i]
      operation.settlers = withPoint(operation.settlers, at)
      this.#weighing.touch(operation)
      this.#uncarry(at, ledger, operation)
    }
  }

  #drop(at: LogPoint, ledger: LogLedger, of: Dropped): void {
    if ('operation' in of) this.#uncarry(at, ledger, this.operations.get(of.operation))
    if ('settlement' in of) this.#unsettle(at.log, ledger, of.settlement)
    if ('requires' in of) ledger.requires.delete(of.requires)
    this.folds.drop(at.log, of)
  }

  /** A log is folded whole: who says so at `by` took over what it said. */
  #end(log: ReplicaId, by: LogPoint): void {
    const changed = this.folds.end(log)
    if (!changed) return
    for (const id of changed) this.#changed.push(id)
    const ledger = this.logs.get(log)
    // Nothing is known of most ids, where a store is opened.
    if (this.staging.delete(log) || ledger || this.isVoid(log)) this.#fenced.push(log)
    if (!ledger) return
    for (const operation of [...ledger.carried]) this.#uncarry(by, ledger, operation, log)
    for (const number of [...ledger.settlements.keys()]) this.#unsettle(log, ledger, number)
    this.logs.delete(log)
  }

  /** Whether something can be required of a log, and what it says acts. */
  isSound(log: ReplicaId): boolean {
    return !this.isVoid(log) && !this.table.isRemoved(log)
  }

  #operation(id: OperationId, counts?: readonly OperationCount[], hash?: OperationHash): Operation {
    let operation = this.operations.get(id)
    if (!operation) this.operations.set(id, (operation = newOperation(id, counts, hash)))
    return operation
  }

  /** @param by where that is said: in the log itself, or by who folded it */
  #uncarry(by: LogPoint, ledger: LogLedger, operation: Operation | undefined, log = by.log): void {
    if (!operation || !pointOf(operation.carriers, log)) return
    operation.carriers = withoutPoint(operation.carriers, log)
    ledger.carried.delete(operation)
    if (operation.settlers.length > 0) operation.drops = withPoint(operation.drops, by)
    this.#weighing.touch(operation)
  }

  #unsettle(log: ReplicaId, ledger: LogLedger, number: number): void {
    const settlement = ledger.settlements.get(number)
    ledger.settlements.delete(number)
    for (const operation of settlement?.operations ?? []) {
      // Another settlement of the log named it, and was forgotten: it may be gone, and a new one come under its id.
      if (!pointOf(operation.settlers, log)) continue
      operation.settlers = withoutPoint(operation.settlers, log)
      this.#weighing.touch(operation)
    }
  }
}

const NONE: readonly number[] = []
const NOTHING = { admission: undefined, floorMs: 0 }
