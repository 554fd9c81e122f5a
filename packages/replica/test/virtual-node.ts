import { type CommitMark, type CounterKey, decodeLogUpdate, type ReplicaId, type StoreId } from '@tallymesh/crdt'
import { type Cell, decideIdentity, decodeMessage, type Effect, type Input, Replica } from '../src/index.js'
import type { Prng } from './prng.js'
import type { RoomHarness } from './room-harness.js'
import type { VirtualDisk } from './virtual-disk.js'

export type SendEffect = Extract<Effect, { type: 'send' }>
export type ReportEffect = Extract<Effect, { type: 'report' }>

/** A node whose disk, witness, links and clock are virtual. */
export class VirtualNode {
  disk: VirtualDisk
  witness: CommitMark | undefined
  replica: Replica | undefined
  instance = ''
  /** Counts the processes that ran here; events of dead ones are dropped. */
  life = 0
  /** What this machine's clock says beyond the room's. */
  skewMs = 0
  persistMs = 2
  /** What its clock on the wall says, ms since 1970. */
  wallMs: () => number = () => 0
  /** Every effect of this process's life that a test may want to see. */
  readonly reports: ReportEffect[] = []
  readonly members: string[] = []
  readonly acknowledged: number[] = []
  readonly confirmed: number[] = []
  readonly unconfirmed: Array<{ ticket: number; confirmed: number; wanted: number }> = []
  readonly sent: SendEffect[] = []
  /** Ids that this process wrote under. */
  readonly ownIds = new Set<ReplicaId>()
  /** Up to where logs were seen to be whole on the disk, in this process's life. */
  readonly #whole = new Map<ReplicaId, number>()
  #flushing = false

  constructor(
    readonly room: RoomHarness,
    readonly name: string,
    disk: VirtualDisk,
    readonly seeds: readonly string[],
    readonly prng: Prng,
  ) {
    this.disk = disk
  }

  get up(): boolean {
    return this.replica !== undefined
  }

  get store(): StoreId {
    return this.disk.store
  }

  get url(): string {
    return `ws://${this.name}`
  }

  get live(): Replica {
    if (!this.replica) throw new Error(`${this.name} is down`)
    return this.replica
  }

  /** Starts a process. `forced` goes on under an id that no witness proved: a process set back to an earlier memory. */
  start(forced?: ReplicaId): Replica {
    if (this.replica) throw new Error(`${this.name} runs already`)
    this.life++
    this.instance = this.prng.hex(16)
    for (const list of [this.reports, this.members, this.acknowledged, this.confirmed, this.unconfirmed, this.sent]) {
      list.length = 0
    }
    this.ownIds.clear()
    this.#whole.clear()
    this.#flushing = false
    const replica = new Replica({
      name: this.name,
      store: this.store,
      instance: this.instance,
      urls: [this.url],
      seeds: this.seeds,
      random: this.prng.next,
      lastNumber: this.disk.state.mark?.number ?? 0,
      heartbeatMs: this.room.heartbeatMs,
      antiEntropyMs: this.room.antiEntropyMs,
      updateBytesMax: this.room.updateBytesMax,
      ...(this.room.foldAfterMs !== undefined && { foldAfterMs: this.room.foldAfterMs }),
      ...(this.room.foldGraceMs !== undefined && { foldGraceMs: this.room.foldGraceMs }),
    })
    let clean = true
    for (const stored of this.disk.load()) {
      const error = replica.load(stored)
      if (!error) continue
      clean = false
      this.reports.push({ type: 'report', error })
    }
    const verdict = decideIdentity({ witness: this.witness, held: true, clean, stored: this.disk.state.mark })
    if (verdict.report) this.reports.push({ type: 'report', error: verdict.report })
    const resume = forced ?? verdict.resume
    // A commit that the crash left on the disk but not in the witness is shown to peers from now on.
    if (resume !== undefined) this.witness = this.disk.state.mark
    replica.start(resume)
    this.replica = replica
    if (replica.commits.replica !== undefined) this.ownIds.add(replica.commits.replica)
    this.#tick(this.life)
    this.room.started(this)
    return replica
  }

  /** The process ends at once; disk and witness stay as they are. */
  crash(): void {
    this.replica = undefined
    this.room.stopped(this)
  }

  /** The machine loses power: the witness, which lives in memory, is gone too. */
  reboot(): void {
    if (this.up) this.crash()
    this.witness = undefined
  }

  count(key: CounterKey, amount: number): void {
    const { commits } = this.live
    const cell = commits.cell(key)
    if (amount > 0) commits.increment(cell, amount)
    else commits.decrement(cell, -amount)
    this.flushSoon()
  }

  cell(key: CounterKey): Cell {
    return this.live.cell(key)
  }

  /** What a reader here is told now. */
  read(key: CounterKey): number {
    const cell = this.cell(key)
    return this.live.table.value(cell.id) + (cell.p - cell.batchedP) - (cell.n - cell.batchedN)
  }

  step(input: Input): void {
    if (!this.replica) return
    for (const effect of this.replica.step(input)) this.#carryOut(effect)
    this.flushSoon()
  }

  flushSoon(): void {
    if (this.#flushing || !this.replica?.wantsFlush) return
    this.#flushing = true
    this.#later(1, () => {
      this.#flushing = false
      this.step({ type: 'flush' })
    })
  }

  reported(code: string): number {
    return this.reports.filter(({ error }) => error.code === code).length
  }

  #tick(life: number): void {
    if (life !== this.life || !this.replica) return
    this.step({ type: 'tick', nowMs: this.room.nowMs + this.skewMs, wallMs: this.wallMs() })
    this.room.after(this.room.heartbeatMs / 4, () => this.#tick(life))
  }

  /** Runs `act` later, if this process still lives then. */
  #later(delayMs: number, act: () => void): void {
    const { life } = this
    this.room.after(delayMs, () => {
      if (this.life === life && this.replica) act()
    })
  }

  #carryOut(effect: Effect): void {
    this.room.record(this, effect)
    switch (effect.type) {
      case 'persist':
        return this.#persist(effect)
      case 'send':
        this.#checkDurable(effect)
        this.sent.push(effect)
        return this.room.send(this, effect)
      case 'close':
        return this.room.close(this, effect.link)
      case 'acknowledge':
        this.acknowledged.push(effect.commit)
        return
      case 'confirmed':
        this.confirmed.push(effect.ticket)
        return
      case 'unconfirmed':
        this.unconfirmed.push(effect)
        return
      case 'member':
        this.members.push(`${effect.name} ${effect.state}`)
        return
      case 'report':
        this.reports.push(effect)
        return
      case 'changed':
        return
    }
  }

  #persist({ logs, commit }: Extract<Effect, { type: 'persist' }>): void {
    if (commit) this.ownIds.add(commit.replica)
    const part = this.persistMs / 2
    this.#later(part, () => {
      this.disk.apply(logs, commit)
      this.#later(part / 2, () => {
        if (commit) this.witness = commit
        this.#later(part / 2, () => this.step({ type: 'persisted' }))
      })
    })
  }

  /** Persist, then send: what leaves of the own log is on the disk, and so is what is confirmed of others. */
  #checkDurable({ kind, body }: SendEffect): void {
    const message = decodeMessage(kind, body)
    const leaves = (log: ReplicaId, clock: number) => {
      if (!this.ownIds.has(log) || clock <= this.disk.clock(log)) return
      throw new Error(`${this.name} sent ${message.type} of its log at ${clock}, on disk are ${this.disk.clock(log)}`)
    }
    if (message.type === 'clocks') for (const { log, clock } of message.logs) leaves(log, clock)
    if (message.type === 'diff' || message.type === 'update') {
      const { deletedTo, elements } = decodeLogUpdate(message.log, message.update)
      leaves(message.log, deletedTo + elements.length)
    }
    if (message.type !== 'durable') return
    for (const { store, log, clock } of message.marks) {
      if (store !== this.store || clock === 0) continue
      if (clock <= (this.#whole.get(log) ?? 0)) continue
      this.#whole.set(log, clock)
      if ((this.room.deepChecks ? this.disk.wholeClock(log) : this.disk.clock(log)) < clock) {
        throw new Error(
          `${this.name} confirmed clock ${clock} of a log of which its disk holds ${this.disk.clock(log)}`,
        )
      }
    }
  }
}
