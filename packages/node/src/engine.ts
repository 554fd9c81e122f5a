import { type CounterKey, storeId, TallymeshError } from '@tallymesh/crdt'
import { type Cell, type Commits, decideIdentity, Replica, type ReplicaOptions } from '@tallymesh/replica'
import type { Store, Witness } from '@tallymesh/store'
import type { AddOptions } from './add-options.js'
import { cellTotals, cellValue } from './cell-value.js'
import { CommitPromises } from './commit-promises.js'
import { EffectLoop, type LoopEvents, unexpected } from './effect-loop.js'
import { notReplicated, Tickets } from './tickets.js'
import { Watchers } from './watchers.js'

export interface EngineEvents {
  member(member: { store: string; name: string; state: 'up' | 'suspect' | 'down' }): void
  report(error: TallymeshError): void
  /** Something became durable, or came from a peer. */
  progressed(): void
  /** The disk failed: links end now, and everything is rebuilt from what the disk holds. */
  recovering(cause: TallymeshError): void
  recovered(): void
  /** The node cannot go on. */
  fatal(error: TallymeshError): void
}

export interface EngineOptions {
  readonly replica: Omit<ReplicaOptions, 'lastNumber'>
  readonly store: Store
  readonly witness: Witness
  readonly repair: boolean
  readonly replicasTimeoutMs: number
  readonly events: EngineEvents
}

const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000
const DRAIN_POLL_MS = 2

/** Counts: owns the replica and its effect loop, and the promises of those who wait for commits. After a failed write it
 *  throws both away and builds them anew from what the disk holds. */
export class Engine {
  readonly watchers = new Watchers()
  loop!: EffectLoop
  commits!: Commits
  /** Why nothing may be counted now; undefined while the node is ready. */
  refusal: TallymeshError | undefined = new TallymeshError('NOT_READY', 'the node is opening; nothing was counted')
  readonly #promises = new CommitPromises()
  readonly #tickets = new Tickets()
  /** Recoveries since a write last succeeded. */
  #recoveries = 0
  #retryMs = RETRY_MIN_MS
  #retry: NodeJS.Timeout | undefined
  /** The refusal stands for good: the node closes, or failed. */
  #retired = false
  #failed = false
  #closed = false

  constructor(readonly options: EngineOptions) {}

  get replica(): Replica {
    return this.loop.replica
  }

  /** Builds replica and loop from the store. @throws TallymeshError STORE_CORRUPT unless the node may repair */
  async build(): Promise<void> {
    const { store, witness, repair, events } = this.options
    const old = this.loop as EffectLoop | undefined
    const replica = new Replica({ ...this.options.replica, lastNumber: store.lastCommit?.number ?? 0 })
    let clean = store.damage.length === 0
    for await (const stored of store.load()) {
      const damage = replica.load(stored)
      if (!damage) continue
      clean = false
      if (!repair) throw new TallymeshError('STORE_CORRUPT', `${damage.message}. Open with repair: true to do so`)
      events.report(damage)
    }
    if (old) replica.commits.adoptCells(old.replica.commits.cells(), old.replica.commits.open)
    const reading = witness.read()
    const witnessed = old?.lastMark ?? (reading.state === 'whole' ? reading.record : undefined)
    const verdict = decideIdentity({
      witness: witnessed,
      held: witness.held || old?.lastMark !== undefined,
      clean,
      stored: store.lastCommit,
    })
    if (verdict.report) events.report(verdict.report)
    replica.start(verdict.resume)
    // A crash may have kept the last commit from the witness; peers learn of that commit as soon as they link.
    if (verdict.resume !== undefined && store.lastCommit) witness.write(store.lastCommit)
    this.loop = new EffectLoop(replica, store, witness, this.#loopEvents())
    // What is resumed may reach peers before the next commit: a later reopening must not find the disk older than this.
    this.loop.lastMark = verdict.resume === undefined ? old?.lastMark : store.lastCommit
    this.commits = replica.commits
    for (const ticket of this.#tickets.values()) this.loop.step({ type: 'await', ...ticket })
  }

  /** From now on the node counts, unless it was retired. */
  ready(): void {
    if (!this.#retired) this.refusal = undefined
    this.loop.flushSoon()
  }

  /** Refuses to count from now on, for good. */
  retire(refusal: TallymeshError): void {
    this.#retired = true
    this.refusal = refusal
  }

  /** The promise of the commit that was just counted into. */
  counted(): Promise<void> {
    const promise = this.#promises.of(this.commits.open)
    this.loop.flushSoon()
    return promise
  }

  /** The promise of one count that asks for more than the local disk. */
  follow(options: AddOptions): Promise<void> {
    const durable = this.counted()
    const { replicas = 1, timeoutMs = this.options.replicasTimeoutMs } = options
    if (replicas === 1) return durable
    const { ticket, confirmed } = this.#tickets.add(this.commits.open, replicas, timeoutMs)
    this.loop.step({ type: 'await', ...ticket })
    const both = Promise.all([durable, confirmed]).then(() => undefined)
    both.catch(() => {})
    return both
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
    for (const key of this.replica.table.keys(prefix)) {
      const cell = this.replica.cell(key as CounterKey)
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

  /** Waits until everything counted is durable, and then until linked peers confirmed it. Peers, and a disk that failed and is
   *  being reopened, get `timeoutMs`; a disk that writes gets the time it takes. */
  async drain(timeoutMs: number): Promise<void> {
    let deadlineMs = performance.now() + timeoutMs
    this.loop.flushSoon()
    while (this.#unwritten() && !this.#failed && (!this.loop.stopped || performance.now() < deadlineMs)) await pause()
    deadlineMs = performance.now() + timeoutMs
    while (!this.loop.stopped && performance.now() < deadlineMs && this.#lagging()) await pause()
  }

  /** Own counts only: peers may go on to send theirs for as long as they like. */
  #unwritten(): boolean {
    return this.commits.pending || (this.commits.inFlight !== undefined && !this.loop.stopped)
  }

  #lagging(): boolean {
    for (const { state, lag } of this.replica.view()) if (state === 'up' && lag > 0) return true
    return false
  }

  /** Ends counting: fails whoever still waits. The store stays open. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    this.watchers.close()
    if (!(this.loop as EffectLoop | undefined)) return
    this.loop.stop()
    const lost = new TallymeshError('NODE_CLOSED', 'the node closed before its disk took this; nothing was counted')
    if (this.commits.pending && !this.#failed) this.options.events.report(lost)
    const text = 'the node closed while the commit was written; it may or may not have been counted'
    this.#failWritten(new TallymeshError('INDETERMINATE', text), 'the node closed before enough stores confirmed it')
    this.#failOpen(lost)
  }

  #loopEvents(): LoopEvents {
    const { events } = this.options
    return {
      acknowledged: commit => this.#promises.acknowledge(commit, this.commits.open),
      confirmed: ticket => this.#tickets.confirm(ticket),
      unconfirmed: (ticket, confirmed, wanted) => {
        const reason = notReplicated(`${confirmed} of ${wanted} stores confirmed it in time`)
        events.report(reason)
        this.#tickets.reject(ticket, reason)
      },
      changed: ids => this.#changed(ids),
      progressed: () => events.progressed(),
      persisted: () => this.#persisted(),
      member: member => events.member(member),
      report: error => {
        if (error.code === 'IDENTITY_CONTESTED') this.#fatal(error)
        else events.report(error)
      },
      failed: cause => void this.#recover(cause),
    }
  }

  #changed(ids: readonly number[]): void {
    if (this.watchers.idle) return
    for (const id of ids) this.watchers.changed(this.replica.table.keyOf(id))
  }

  #persisted(): void {
    this.#recoveries = 0
    this.#retryMs = RETRY_MIN_MS
    this.options.events.progressed()
  }

  /** A write failed. What is in flight may or may not be on the disk; nothing later is stored until the store was reopened
   *  and verified, and everything was rebuilt from it. */
  async #recover(cause: unknown): Promise<void> {
    const error = unexpected(cause)
    if (error.code === 'WITNESS_STUCK') return this.#fatal(error)
    const text = `the node waits for its disk (${error.message}); nothing was counted`
    if (!this.#retired) this.refusal = new TallymeshError('NOT_READY', text, { cause: error })
    this.options.events.recovering(error)
    this.loop.stop(new TallymeshError('NOT_READY', 'this node reopens its store'))
    const reason = new TallymeshError(
      'INDETERMINATE',
      `the disk failed while the commit was written; it may or may not have been counted: ${error.message}`,
      { cause: error },
    )
    this.#failWritten(reason, 'the disk failed before enough stores confirmed it')
    this.options.events.report(reason)
    // A disk that opens well and fails at the next write is asked ever more rarely, too.
    if (this.#recoveries++ === 0) await this.#reopen()
    else this.#reopenLater()
  }

  async #reopen(): Promise<void> {
    const { store, events } = this.options
    try {
      await store.reopen()
      // A disk that is still full opens, and then refuses the first write.
      await store.write({ logs: [] })
      await this.build()
    } catch (cause) {
      const error = unexpected(cause)
      if (this.#closed) return
      if (error.code === 'STORE_CORRUPT' || error.code === 'STORE_UNSUPPORTED') this.#fatal(error)
      else this.#reopenLater()
      return
    }
    if (this.#closed) return this.loop.stop()
    this.ready()
    this.watchers.wake()
    events.recovered()
  }

  #reopenLater(): void {
    if (this.#closed) return
    this.#retry = setTimeout(() => void this.#reopen(), this.#retryMs)
    this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2)
  }

  #fatal(error: TallymeshError): void {
    this.#failed = true
    const text = `the node failed (${error.message}); nothing was counted`
    const refusal = new TallymeshError('NOT_READY', text, { cause: error })
    if (!this.#retired) this.retire(refusal)
    this.loop.stop(error)
    const reason = new TallymeshError('INDETERMINATE', `the node failed: ${error.message}`, { cause: error })
    this.#failWritten(reason, 'the node failed before enough stores confirmed it')
    this.#failOpen(refusal)
    this.options.events.fatal(error)
  }

  /** Gives up what was handed to the disk. What is acknowledged is counted, whoever confirms it. */
  #failWritten(reason: TallymeshError, why: string): void {
    this.#tickets.failUpTo(this.#promises.acknowledged, notReplicated(why))
    this.#tickets.failUpTo(this.commits.open - 1, reason)
    this.#promises.failBefore(this.commits.open, reason)
  }

  #failOpen(reason: TallymeshError): void {
    this.#tickets.failUpTo(this.commits.open, reason)
    this.#promises.failOpen(reason)
  }
}

function pause(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, DRAIN_POLL_MS))
}
