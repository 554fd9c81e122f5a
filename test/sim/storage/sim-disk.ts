import { type CommitMark, type LogWrite, type ReplicaId, type StoreId, storeId } from '@tallymesh/crdt'
import type { Draw } from '../draw.js'
import type { VirtualTime } from '../virtual-time.js'
import {
  clockOf,
  type DiskLog,
  type DiskState,
  EMPTY_DISK,
  fencesOf,
  isFlipped,
  recordsOf,
  wholeClockOf,
  written,
} from './disk-state.js'

export type DiskMode = 'ok' | 'full' | 'stuck' | 'slow'

export interface SimDiskOptions {
  readonly time: VirtualTime
  readonly draw: Draw
  /** Draws are made by it: unique for each disk. */
  readonly name: string
  /** How long a synced write takes, ms, drawn anew for each between these. */
  readonly syncMs: readonly [min: number, max: number]
  /** Whether logs may say that ids are folded: then a log that is gone may be held all the same. */
  readonly folds?: boolean
}

/** What is drawn for a disk, by name and number. */
type Drawn = 'part' | 'answer' | 'power' | 'slow' | 'sync' | 'fail'

/** What happens to one batch on its way to the disk. */
export interface BatchEvents {
  /** It begins to reach the disk. Answers false where the process died over it: then nothing of it does. */
  readonly writing: () => boolean
  /** It is synced. */
  readonly landed: () => void
  readonly done: () => void
  readonly failed: (error: Error) => void
}

/** What outlives processes: what was written, what of that was synced, and every state before. A batch reaches it whole or not
 *  at all, as a database that checks its log on opening has it. */
export class SimDisk {
  readonly storeId: StoreId
  mode: DiskMode = 'ok'
  slowMs = 0
  /** The next write fails: it is on the disk all the same, or it is not. */
  failNext = false
  /** Called before each change of what is synced. */
  changing: (() => void) | undefined
  /** The store that has it open. */
  owner: object | undefined
  /** A store had it open once. */
  used = false
  #written: DiskState = EMPTY_DISK
  #synced: DiskState = EMPTY_DISK
  readonly #history: DiskState[] = [EMPTY_DISK]
  #writes = 0
  #powerLosses = 0
  /** Counts what makes batches on their way to nothing: other content was put in their place. */
  #epoch = 0
  #stuck: (() => void)[] = []
  readonly #names: Readonly<Record<Drawn, string>>

  constructor(
    readonly options: SimDiskOptions,
    store?: StoreId,
  ) {
    const digit = (_: unknown, i: number) => Math.floor(options.draw(`store ${options.name}`, i) * 16).toString(16)
    const { name } = options
    this.#names = {
      ...{ part: `part ${name}`, answer: `answer ${name}`, power: `power ${name}` },
      ...{ slow: `slow ${name}`, sync: `sync ${name}`, fail: `fail ${name}` },
    }
    this.storeId = store ?? storeId(Array.from({ length: 32 }, digit).join(''))
  }

  /** What a process finds that opens it now. */
  get content(): DiskState {
    return this.#written
  }

  get mark(): CommitMark | undefined {
    return this.#written.mark
  }

  /** How many earlier states can be put back. */
  get steps(): number {
    return this.#history.length - 1
  }

  setMode(mode: DiskMode, slowMs = 0): void {
    this.mode = mode
    this.slowMs = slowMs
    if (mode !== 'stuck') for (const go of this.#stuck.splice(0)) go()
  }

  /** Takes a batch: written after a part of its time, synced after the rest. */
  take(writes: readonly LogWrite[], commit: CommitMark | undefined, events: BatchEvents): void {
    const number = ++this.#writes
    const durationMs = this.#durationMs(number)
    const part = this.#drawn('part', number)
    const failure = this.#failureOf(number)
    const epoch = this.#epoch
    const { time } = this.options
    time.after(durationMs * part, () => {
      if (!events.writing() || epoch !== this.#epoch) return
      if (failure?.lands !== false) this.#written = written(this.#written, writes, commit)
      const rest = () => {
        if (epoch !== this.#epoch) return
        if (failure) return events.failed(failure.error)
        this.#sync()
        events.landed()
        time.after(this.#drawn('answer', number), events.done)
      }
      time.after(durationMs * (1 - part), () => (this.mode === 'stuck' ? this.#stuck.push(rest) : rest()))
    })
  }

  /** A process opens it: what is written is made durable, records that cannot be read go. Answers in which logs they were.
   *  @param salvage false: changes nothing where something is damaged */
  open(salvage: boolean): { readonly damaged: ReadonlyMap<ReplicaId, number> } {
    const damaged = damagedIn(this.#written)
    if (damaged.size > 0 && !salvage) return { damaged }
    this.#epoch++
    this.used = true
    if (damaged.size > 0) this.#written = salvaged(this.#written)
    this.#sync()
    return { damaged }
  }

  /** Puts an earlier state back, counted from the last. @throws RangeError */
  rollback(steps: number): void {
    const state = this.#history.at(-1 - steps)
    if (!state || steps < 1) throw new RangeError(`${steps} of ${this.steps} states`)
    this.#replace(state)
  }

  /** A copy of what is written now, with the same store id. */
  copy(name: string): SimDisk {
    const copy = new SimDisk({ ...this.options, name }, this.storeId)
    copy.#replace(this.#written)
    copy.used = this.used
    return copy
  }

  /** A new, empty disk in its place. */
  wiped(name: string): SimDisk {
    return new SimDisk({ ...this.options, name })
  }

  /** What is written and not synced is lost from a drawn point on. A batch in the middle is torn, and dropped whole. */
  powerLoss(): void {
    this.#epoch++
    this.#stuck = []
    if (this.#drawn('power', ++this.#powerLosses) < 0.5) this.#sync()
    else this.#written = this.#synced
  }

  /** Flips a bit of one record; answers whether there is one that is whole. What is written is durable by then: a write that lands
   *  later may delete copies of what the flip takes, and who asks what is left would not know. */
  flip(record: number): boolean {
    this.#sync()
    const whole = [...this.#written.logs].flatMap(([log, stored]) =>
      recordsOf(stored).flatMap(({ clock, flipped }, i) =>
        flipped ? [] : [{ log, clock, head: i === 0 && !!stored.head }],
      ),
    )
    const chosen = whole[record % Math.max(1, whole.length)]
    if (!chosen) return false
    this.#written = withFlipped(this.#written, chosen.log, chosen.clock, chosen.head)
    this.#synced = this.#written
    return true
  }

  clock(log: ReplicaId): number {
    return this.foldersOf(log).length > 0 ? Number.POSITIVE_INFINITY : clockOf(this.#synced.logs.get(log))
  }

  /** The clock up to which nothing of a log is missing here. */
  wholeClock(log: ReplicaId): number {
    return this.wholeFoldersOf(log).length > 0
      ? Number.POSITIVE_INFINITY
      : wholeClockOf(log, this.#synced.logs.get(log))
  }

  foldersOf(log: ReplicaId): readonly ReplicaId[] {
    if (!this.options.folds || this.#synced.logs.has(log)) return []
    return [...this.#synced.logs].filter(([id, stored]) => fencesOf(id, stored).has(log)).map(([id]) => id)
  }

  wholeFoldersOf(log: ReplicaId): readonly ReplicaId[] {
    return this.foldersOf(log).filter(id => {
      const stored = this.#synced.logs.get(id)
      return wholeClockOf(id, stored) >= clockOf(stored)
    })
  }

  foldedInDamaged(): readonly ReplicaId[] {
    if (!this.options.folds) return []
    return [...this.#synced.logs].flatMap(([id, stored]) => (isFlipped(stored) ? [...fencesOf(id, stored)] : []))
  }

  #sync(): void {
    if (this.#synced === this.#written) return
    this.changing?.()
    this.#synced = this.#written
    this.#history.push(this.#synced)
  }

  #replace(state: DiskState): void {
    this.#epoch++
    this.#stuck = []
    this.#written = state
    this.changing?.()
    this.#synced = state
    this.#history.push(state)
  }

  #durationMs(number: number): number {
    if (this.mode === 'slow') return this.slowMs * (0.5 + this.#drawn('slow', number))
    const [min, max] = this.options.syncMs
    return min + (max - min) * this.#drawn('sync', number)
  }

  #failureOf(number: number): { readonly error: Error; readonly lands: boolean } | undefined {
    if (this.mode === 'full') return { error: new Error('no space left on device (simulated)'), lands: false }
    if (!this.failNext) return undefined
    this.failNext = false
    return { error: new Error('input/output error (simulated)'), lands: this.#drawn('fail', number) < 0.5 }
  }

  #drawn(what: Drawn, number: number): number {
    return this.options.draw(this.#names[what], number)
  }
}

function damagedIn(state: DiskState): Map<ReplicaId, number> {
  const damaged = new Map<ReplicaId, number>()
  for (const [log, stored] of state.logs) {
    const count = recordsOf(stored).filter(({ flipped }) => flipped).length
    if (count > 0) damaged.set(log, count)
  }
  return damaged
}

/** What can still be read. The last commit loses its tips, so that nobody takes this store for current. */
function salvaged({ logs: stored, mark }: DiskState): DiskState {
  const logs = new Map<ReplicaId, DiskLog>()
  for (const [log, { head, records }] of stored) {
    const kept = records.filter(({ flipped }) => !flipped)
    const keptHead = head?.flipped ? undefined : head
    if (kept.length > 0 || keptHead) logs.set(log, { head: keptHead, records: kept })
  }
  return { logs, mark: mark && { ...mark, tip: 0, before: 0 } }
}

function withFlipped(state: DiskState, log: ReplicaId, clock: number, head: boolean): DiskState {
  const stored = state.logs.get(log)
  if (!stored) return state
  const flipped = head
    ? { ...stored, head: stored.head && { ...stored.head, flipped: true as const } }
    : {
        ...stored,
        records: stored.records.map(record =>
          record.clock === clock ? { ...record, flipped: true as const } : record,
        ),
      }
  return { ...state, logs: new Map(state.logs).set(log, flipped) }
}
