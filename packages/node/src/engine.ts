import { storeId, TallymeshError } from '@tallymesh/crdt'
import type { Cell, Commits, Replica } from '@tallymesh/replica'
import type { AddOptions } from './add-options.js'
import { CatchingUp } from './catching-up.js'
import { cellTotals, cellValue } from './cell-value.js'
import { EffectLoop, type LoopEvents, unexpected } from './effect-loop.js'
import type { EngineOptions } from './engine-options.js'
import { Figures } from './figures.js'
import { type GroupEntry, Groups } from './groups.js'
import { Instants } from './instants.js'
import { loadReplica, startReplica } from './loading.js'
import { type OperationAdd, OperationCalls } from './operation-calls.js'
import { inDoubt, Outcomes } from './outcomes.js'
import { Positions } from './positions.js'
import { Recovery } from './recovery.js'
import { type ExportedSlot, exportSlots } from './slot-export.js'
import { SlotImport } from './slot-import.js'
import { Watchers } from './watchers.js'

/** Counts: owns the replica and its effect loop, and the promises of those who wait for commits. After a failed write it
 *  throws both away and builds them anew from what the disk holds. */
export class Engine {
  readonly watchers = new Watchers()
  loop!: EffectLoop
  commits!: Commits
  /** Why nothing may be counted now; undefined while the node is ready. */
  refusal: TallymeshError | undefined = new TallymeshError('NOT_READY', 'the node is opening; nothing was counted')
  readonly #outcomes = new Outcomes(commit => {
    if (commit > this.#outcomes.promises.acknowledged) this.loop.flushSoon()
  })
  readonly #recovery: Recovery
  readonly #groups = new Groups(this)
  readonly #instants = new Instants(() => !this.loop.stopped && this.commits.inFlight === undefined)
  readonly #operations: OperationCalls
  readonly #import: SlotImport
  readonly figures = new Figures(() => this.replica)
  readonly #catchingUp: CatchingUp
  readonly #positions: Positions
  /** The refusal stands for good: the node closes, or failed. */
  #retired = false
  /** The node cannot go on. */
  failed = false
  #closed = false

  constructor(readonly options: EngineOptions) {
    this.#recovery = new Recovery(() => this.#reopen(), options.host)
    this.#import = new SlotImport(this, options.host)
    this.#operations = new OperationCalls(this, this.#instants, options.host, options.replicasTimeoutMs)
    this.#positions = new Positions(() => (this.loop as EffectLoop | undefined)?.replica.room.logs, options.host)
    this.#catchingUp = new CatchingUp(options.dials ?? options.replica.seeds.length > 0, () => this.replica.sync.level)
  }

  get replica(): Replica {
    return this.loop.replica
  }

  /** Builds replica and loop from the store. @throws TallymeshError STORE_CORRUPT unless the node may repair */
  async build(): Promise<void> {
    const { store, witness } = this.options
    const loaded = await loadReplica(this.options, this.loop as EffectLoop | undefined)
    const lastMark = startReplica(loaded, this.options, this.loop as EffectLoop | undefined)
    this.loop = new EffectLoop(loaded.replica, store, witness, this.#loopEvents(), this.options.host.after)
    this.loop.lastMark = lastMark
    this.commits = loaded.replica.commits
    this.figures.opened(store.lastCommit?.replica)
    for (const ticket of this.#outcomes.tickets.values()) this.loop.step({ type: 'await', ...ticket })
  }

  /** From now on the node counts, unless it was retired. */
  ready(): void {
    if (!this.#retired) this.refusal = undefined
    this.#operations.admit()
    this.loop.flushSoon()
  }

  /** Refuses to count from now on, for good. */
  retire(refusal: TallymeshError): void {
    this.#retired = true
    this.refusal = refusal
    this.#groups.refuse(refusal)
    this.#operations.refuse(refusal)
  }

  #refuseWaiting(reason: TallymeshError): void {
    this.#groups.refuse(reason)
    this.#operations.refuse(reason)
    this.#instants.refuse(reason)
  }

  /** The promise of the commit that was just counted into. Once somebody waits for it, it is written; else before long. */
  counted(): Promise<void> {
    const { promises } = this.#outcomes
    const promise = promises.of(this.commits.open)
    if (promises.presumed) this.loop.flushSoon()
    else this.loop.flushLater()
    return promise
  }

  /** The promise of one count that asks for more than the local disk. */
  follow(options: AddOptions): Promise<void> {
    const durable = this.counted()
    this.loop.flushSoon()
    const { replicas = 1, timeoutMs = this.options.replicasTimeoutMs } = options
    if (replicas === 1) return durable
    const wanted = { commit: this.commits.open, replicas, timeoutMs }
    return this.#outcomes.follow(durable, wanted, this.options.host.nowMs(), ticket =>
      this.loop.step({ type: 'await', ...ticket }),
    )
  }

  /** See `Groups.add`. */
  add(entries: readonly GroupEntry[], options?: AddOptions): Promise<void> {
    return this.#groups.add(entries, options)
  }

  /** See `OperationCalls.add`. */
  operate(operation: unknown, entries: readonly OperationAdd[], options: AddOptions): Promise<void> {
    return this.#operations.add(operation, entries, options)
  }

  /** Where the commits end that this process acknowledged: `<replica id>:<clock>` joined by `,`, ids in hexadecimal. */
  get position(): string {
    return this.#positions.position
  }

  /** See `Positions.reached`. */
  reached(position: string, timeoutMs: number): Promise<void> {
    return this.#positions.reached(position, timeoutMs)
  }

  /** All slots at one moment between two commits, by key and replica id: a copy; ordering and reading it stall nobody.
   *  @throws TallymeshError NOT_READY while the disk is reopened or operations cannot settle, NODE_CLOSED */
  async exportSlots(): Promise<Iterable<ExportedSlot>> {
    await this.#operations.settled()
    if (this.loop.stopped) throw this.refusal ?? new TallymeshError('NOT_READY', 'the node reopens its store')
    return exportSlots(await this.#instants.next(() => this.replica.table.snapshot()), this.options.host)
  }

  /** See `SlotImport.run`. */
  importSlots(slots: Iterable<ExportedSlot>): Promise<number> {
    return this.#import.run(slots)
  }

  /** How many batches linked peers are known to hold and this node lacks, over all logs. O(peers × logs) */
  get behind(): number {
    return this.replica.sync.behind
  }

  /** Whether this node, since it opened, has once held all that every peer linked then said it holds. */
  get caughtUp(): boolean {
    return this.#catchingUp.look()
  }

  /** A refusal as a promise: awaited or not, it never ends the process. */
  refuse(reason: unknown): Promise<never> {
    const error = unexpected(reason)
    this.options.events.report(error)
    const refused = Promise.reject(error)
    refused.catch(() => {})
    return refused
  }

  value(cell: Cell): number {
    return cellValue(this.replica.table, cell)
  }

  totals(cell: Cell): { increments: bigint; decrements: bigint } {
    return cellTotals(this.replica.table, cell)
  }

  /** Every key that was ever counted, in key order, with its cell. */
  *cells(prefix: string): IterableIterator<Cell> {
    for (const key of this.replica.table.keysBehind('', prefix)) {
      const cell = this.replica.cell(key)
      const { increments, decrements } = this.totals(cell)
      if (increments > 0n || decrements > 0n) yield cell
    }
  }

  /** Takes stores out of the room for good; resolves once that is durable here. */
  async remove(stores: readonly string[]): Promise<void> {
    if (this.refusal) throw this.refusal
    for (const store of stores) this.loop.step({ type: 'remove', store: storeId(store) })
    await this.counted()
  }

  /** Ends counting: fails whoever still waits. The store stays open. */
  close(): void {
    this.#closed = true
    this.#recovery.close()
    this.watchers.close()
    this.#positions.close()
    if (!(this.loop as EffectLoop | undefined)) return
    this.loop.stop()
    const lost = new TallymeshError('NODE_CLOSED', 'the node closed before its disk took this; nothing was counted')
    if (this.commits.pending && !this.failed) this.options.events.report(lost)
    this.#refuseWaiting(lost)
    const reason = inDoubt('the node closed while')
    this.#outcomes.failWritten(this.commits.closeTouched(), reason, 'the node closed before enough stores confirmed it')
    this.#outcomes.failOpen(this.commits.open, lost)
  }

  #loopEvents(): LoopEvents {
    const { events } = this.options
    return {
      acknowledged: commit => {
        if (this.loop.lastMark) this.#positions.acknowledged(this.loop.lastMark)
        this.#outcomes.promises.acknowledge(commit, this.commits.open)
      },
      confirmed: ticket => this.#outcomes.tickets.confirm(ticket),
      unconfirmed: (...counts) => events.report(this.#outcomes.unconfirmed(...counts)),
      admitted: () => this.#operations.admit(),
      changed: ids => {
        if (!this.watchers.idle) for (const id of ids) this.watchers.changed(this.replica.table.keyOf(id))
      },
      progressed: () => {
        this.#catchingUp.look()
        this.#positions.progressed()
        events.progressed()
      },
      timed: () => events.committed !== undefined && (events.wantsCommits?.() ?? true),
      committed: (entries, bytes, times) => {
        if (this.loop.lastMark) this.figures.committed(this.loop.lastMark.replica, entries, bytes)
        if (times) events.committed?.({ entries, bytes, ...times })
      },
      persisted: () => this.#persisted(),
      member: member => events.member(member),
      report: error => {
        if (error.code === 'IDENTITY_CONTESTED') this.fail(error)
        else events.report(error)
      },
      failed: cause => void this.#recover(cause),
    }
  }

  #persisted(): void {
    this.#recovery.succeeded()
    this.#instants.reached()
    this.#groups.admit()
    this.#positions.progressed()
    this.options.events.progressed()
  }

  /** A write failed. What is in flight may or may not be on the disk; nothing later is stored until the store was reopened
   *  and verified, and everything was rebuilt from it. */
  async #recover(cause: unknown): Promise<void> {
    const error = unexpected(cause)
    if (error.code === 'WITNESS_STUCK') return this.fail(error)
    const text = `the node waits for its disk; nothing was counted. An earlier write failed: ${error.message}`
    if (!this.#retired) this.refusal = new TallymeshError('NOT_READY', text, { cause: error })
    this.options.events.recovering(error)
    this.loop.stop(new TallymeshError('NOT_READY', 'this node reopens its store'))
    if (this.refusal) this.#refuseWaiting(this.refusal)
    const reason = inDoubt('the disk failed while', error)
    this.#outcomes.failWritten(this.commits.closeTouched(), reason, 'the disk failed before enough stores confirmed it')
    this.options.events.report(reason)
    await this.#recovery.failed()
  }

  /** Answers whether there is no need to try again later. */
  async #reopen(): Promise<boolean> {
    const { store, events } = this.options
    try {
      await store.reopen()
      // A disk that is still full opens, and then refuses the first write.
      await store.write({ logs: [] })
      await this.build()
    } catch (cause) {
      const error = unexpected(cause)
      if (this.#closed) return true
      if (error.code !== 'STORE_CORRUPT' && error.code !== 'STORE_UNSUPPORTED') return false
      this.fail(error)
      return true
    }
    if (this.#closed) this.loop.stop()
    else {
      this.ready()
      this.watchers.wake()
      this.#positions.progressed()
      events.recovered()
    }
    return true
  }

  /** Ends counting for good; what is known can still be read. Peers are told only that this node takes no links. */
  fail(error: TallymeshError): void {
    this.failed = true
    const text = `the node failed (${error.message}); nothing was counted`
    const refusal = new TallymeshError('NOT_READY', text, { cause: error })
    if (!this.#retired) this.retire(refusal)
    this.#refuseWaiting(refusal)
    this.loop.stop(refusal)
    const reason = new TallymeshError('INDETERMINATE', `the node failed: ${error.message}`, { cause: error })
    this.#outcomes.failWritten(this.commits.closeTouched(), reason, 'the node failed before enough stores confirmed it')
    this.#outcomes.failOpen(this.commits.open, refusal)
    this.options.events.fatal(error)
  }
}
