import { type CounterKey, safeValue, storeId, TallymeshError } from '@tallymesh/crdt'
import type { Hello } from '@tallymesh/link'
import { type Cell, type Commits, decideIdentity, Replica, type ReplicaOptions } from '@tallymesh/replica'
import type { Store, Witness } from '@tallymesh/store'
import type { AddOptions } from './add-options.js'
import { CommitPromise } from './commit-promise.js'
import { EffectLoop, type LoopEvents } from './effect-loop.js'
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
  #shared = new CommitPromise(1)
  readonly #waiting: CommitPromise[] = []
  readonly #tickets = new Map<number, { resolve: () => void; reject: (reason: Error) => void }>()
  #nextTicket = 1
  #retryMs = RETRY_MIN_MS
  #retry: NodeJS.Timeout | undefined
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
    this.loop = new EffectLoop(replica, store, witness, this.#loopEvents())
    this.loop.lastMark = old?.lastMark
    this.commits = replica.commits
  }

  /** From now on the node counts. */
  ready(): void {
    this.refusal = undefined
    this.#retryMs = RETRY_MIN_MS
    this.loop.flushSoon()
  }

  /** The promise of the commit that was just counted into. */
  counted(): Promise<void> {
    if (this.#shared.commit !== this.commits.open) this.#renew()
    this.loop.flushSoon()
    return this.#shared.promise
  }

  /** The promise of one count that asks for more than the local disk. */
  follow(options: AddOptions): Promise<void> {
    const durable = this.counted()
    const { replicas = 1, timeoutMs = this.options.replicasTimeoutMs } = options
    if (replicas === 1) return durable
    const ticket = this.#nextTicket++
    const confirmed = new Promise<void>((resolve, reject) => this.#tickets.set(ticket, { resolve, reject }))
    this.loop.step({ type: 'await', ticket, replicas, timeoutMs })
    const both = Promise.all([durable, confirmed]).then(() => undefined)
    both.catch(() => {})
    return both
  }

  /** A refusal as a promise: awaited or not, it never ends the process. */
  refuse(reason: unknown): Promise<never> {
    const error = reason instanceof TallymeshError ? reason : internal(reason)
    this.options.events.report(error)
    const refused = Promise.reject(error)
    refused.catch(() => {})
    return refused
  }

  value(cell: Cell): number {
    const value = this.replica.table.value(cell.id) + (cell.p - cell.batchedP) - (cell.n - cell.batchedN)
    if (Number.isSafeInteger(value)) return value
    const { increments, decrements } = this.totals(cell)
    return safeValue(cell.key, increments - decrements)
  }

  totals(cell: Cell): { increments: bigint; decrements: bigint } {
    const { increments, decrements } = this.replica.table.totals(cell.id)
    return {
      increments: increments + BigInt(cell.p - cell.batchedP),
      decrements: decrements + BigInt(cell.n - cell.batchedN),
    }
  }

  /** Every key that was ever counted, in key order, with its cell. */
  *cells(prefix: string): IterableIterator<Cell> {
    for (const key of this.replica.table.keys(prefix)) {
      const cell = this.replica.cell(key as CounterKey)
      const { increments, decrements } = this.totals(cell)
      if (increments > 0n || decrements > 0n) yield cell
    }
  }

  /** Whether a peer may link: not a store that was removed. */
  admit(peer: Hello): TallymeshError | undefined {
    if (!this.replica.members.isRemoved(peer.store)) return undefined
    const text = `store ${peer.store} was removed from the room for good; start that node with an empty data directory`
    return new TallymeshError('MEMBER_REMOVED', text)
  }

  /** Takes a store out of the room for good. */
  remove(store: string): void {
    this.loop.step({ type: 'remove', store: storeId(store) })
  }

  /** Waits until everything counted is durable, and then until linked peers confirmed it, at most `timeoutMs` for those. */
  async drain(timeoutMs: number): Promise<void> {
    while (!this.loop.stopped && !this.replica.settled) await pause()
    const deadlineMs = performance.now() + timeoutMs
    while (!this.loop.stopped && performance.now() < deadlineMs && this.#lagging()) await pause()
  }

  #lagging(): boolean {
    for (const { state, lag } of this.replica.view()) if (state === 'up' && lag > 0) return true
    return false
  }

  /** Ends counting: fails whoever still waits. The store stays open. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    this.loop.stop()
    const reason = new TallymeshError('NODE_CLOSED', 'the node closed before this was durable; it may not have been counted')
    this.#failAll(reason)
    this.watchers.close()
  }

  #loopEvents(): LoopEvents {
    const { events } = this.options
    return {
      acknowledged: commit => this.#acknowledged(commit),
      confirmed: ticket => this.#settle(ticket)?.resolve(),
      unconfirmed: (ticket, confirmed, wanted) => this.#settle(ticket)?.reject(this.#notReplicated(confirmed, wanted)),
      changed: ids => this.#changed(ids),
      progressed: () => events.progressed(),
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

  #renew(): void {
    this.#waiting.push(this.#shared)
    this.#shared = new CommitPromise(this.commits.open)
  }

  #acknowledged(commit: number): void {
    if (this.#shared.commit <= commit) this.#renew()
    while (this.#waiting[0] && this.#waiting[0].commit <= commit) this.#waiting.shift()?.resolve()
  }

  #settle(ticket: number): { resolve: () => void; reject: (reason: Error) => void } | undefined {
    const waiter = this.#tickets.get(ticket)
    this.#tickets.delete(ticket)
    return waiter
  }

  #notReplicated(confirmed: number, wanted: number): TallymeshError {
    const error = new TallymeshError(
      'NOT_REPLICATED',
      `counted and durable here, but ${confirmed} of ${wanted} stores confirmed it in time; it will spread: do not retry`,
    )
    this.options.events.report(error)
    return error
  }

  /** A write failed. What is in flight may or may not be on the disk; nothing later is stored until the store was reopened
   *  and verified, and everything was rebuilt from it. */
  async #recover(cause: unknown): Promise<void> {
    const error = cause instanceof TallymeshError ? cause : internal(cause)
    if (error.code === 'WITNESS_STUCK') return this.#fatal(error)
    const text = `the node waits for its disk (${error.message}); nothing was counted`
    this.refusal = new TallymeshError('NOT_READY', text, { cause: error })
    this.options.events.recovering(error)
    this.loop.stop(new TallymeshError('NOT_READY', 'this node reopens its store'))
    this.#failInFlight(error)
    await this.#reopen()
  }

  async #reopen(): Promise<void> {
    const { store, events } = this.options
    try {
      await store.reopen()
      // A disk that is still full opens, and then refuses the first write.
      await store.write({ logs: [] })
      await this.build()
    } catch (cause) {
      if (this.#closed) return
      const error = cause instanceof TallymeshError ? cause : internal(cause)
      if (error.code === 'STORE_CORRUPT' || error.code === 'STORE_UNSUPPORTED') return this.#fatal(error)
      this.#retry = setTimeout(() => void this.#reopen(), this.#retryMs)
      this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2)
      return
    }
    if (this.#closed) return
    this.ready()
    events.recovered()
  }

  #failInFlight(cause: TallymeshError): void {
    const reason = new TallymeshError(
      'INDETERMINATE',
      `the disk failed while the commit was written; it may or may not have been counted: ${cause.message}`,
      { cause },
    )
    if (this.#shared.commit !== this.commits.open) this.#renew()
    for (const waiting of this.#waiting.splice(0)) waiting.reject(reason)
    for (const { reject } of this.#tickets.values()) reject(reason)
    this.#tickets.clear()
    this.options.events.report(reason)
  }

  #fatal(error: TallymeshError): void {
    this.refusal = error
    this.loop.stop(error)
    this.#failAll(new TallymeshError('INDETERMINATE', `the node failed: ${error.message}`, { cause: error }))
    this.options.events.fatal(error)
  }

  #failAll(reason: TallymeshError): void {
    for (const waiting of [...this.#waiting.splice(0), this.#shared]) waiting.reject(reason)
    for (const { reject } of this.#tickets.values()) reject(reason)
    this.#tickets.clear()
  }
}

function pause(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, DRAIN_POLL_MS))
}

function internal(cause: unknown): TallymeshError {
  return new TallymeshError('STORE_WRITE_FAILED', `an unexpected failure: ${String(cause)}`, { cause })
}
