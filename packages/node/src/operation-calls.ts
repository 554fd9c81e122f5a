import {
  type CounterKey,
  checkSignedAmount,
  type OperationCount,
  type OperationId,
  operationId,
  TallymeshError,
} from '@tallymesh/crdt'
import { type Replica, unavailable } from '@tallymesh/replica'
import type { AddOptions } from './add-options.js'
import type { Host } from './host.js'
import type { Instants } from './instants.js'

/** One count of an operation. */
export interface OperationAdd {
  readonly key: CounterKey
  /** A safe integer other than 0; negative: decrements. */
  readonly add: number
}

/** What operations need of the engine. */
export interface OperationOwner {
  readonly replica: Replica
  readonly refusal: TallymeshError | undefined
  counted(): Promise<void>
  follow(options: AddOptions): Promise<void>
  refuse(reason: unknown): Promise<never>
}

interface WaitingCall {
  readonly id: OperationId
  readonly counts: readonly OperationCount[]
  readonly options: AddOptions
  readonly resolve: (outcome: Promise<void>) => void
  readonly cancel: () => void
}

const WAITING_MAX = 10_000
const SETTLE_MS_MAX = 10_000
const SETTLE_LOOK_MS = 20

/** Counts with an id. Those that come before this node may take operations wait, uncounted, until it may or their time is over. */
export class OperationCalls {
  #waiting: WaitingCall[] = []

  constructor(
    readonly owner: OperationOwner,
    readonly instants: Instants,
    readonly host: Host,
    readonly timeoutMs: number,
  ) {}

  /** Counts all of `entries` once, however often it is called with this id, on whichever nodes. Resolves once it is durable.
   *  @throws TallymeshError (as a rejection) as `Counter.increment` */
  add(operation: unknown, entries: readonly OperationAdd[], options: AddOptions): Promise<void> {
    const { owner } = this
    try {
      const id = operationId(operation)
      const counts = operationCounts(entries)
      if (owner.refusal) throw owner.refusal
      if (owner.replica.operations.answers(id)) return this.#take(id, counts, options)
      if (this.#waiting.length >= WAITING_MAX) throw unavailable()
      return this.#wait(id, counts, options)
    } catch (error) {
      return owner.refuse(error)
    }
  }

  /** Operations may be taken now, or the room is to be asked anew. */
  admit(): void {
    for (const call of this.#waiting.splice(0)) {
      if (!this.owner.replica.operations.answers(call.id)) {
        this.#waiting.push(call)
        continue
      }
      call.cancel()
      call.resolve(this.#take(call.id, call.counts, call.options))
    }
  }

  /** Resolves once all operations that count now are settled: slots hold them then.
   *  @throws TallymeshError NOT_READY, with whom they wait for, where that takes more than 10 s */
  async settled(): Promise<void> {
    const open = this.owner.replica.operations.openIds()
    const endMs = this.host.nowMs() + SETTLE_MS_MAX
    for (;;) {
      const { operations } = this.owner.replica
      const left = open.filter(id => operations.isOpen(id)).length
      if (left === 0) return
      if (this.owner.refusal || this.host.nowMs() > endMs) {
        const { waitsFor } = operations.figures
        const why = waitsFor.length > 0 ? `; they wait for ${waitsFor.join(', ')}: bring it back, or remove it` : ''
        throw new TallymeshError('NOT_READY', `${left} operations are not settled, and an export would lack them${why}`)
      }
      await new Promise<void>(resolve => this.host.after(SETTLE_LOOK_MS, resolve))
    }
  }

  /** Nothing more is counted now. */
  refuse(reason: TallymeshError): void {
    for (const { resolve, cancel } of this.#waiting.splice(0)) {
      cancel()
      resolve(this.owner.refuse(reason))
    }
  }

  #wait(id: OperationId, counts: readonly OperationCount[], options: AddOptions): Promise<void> {
    const outcome = new Promise<void>(resolve => {
      const cancel = this.host.after(options.timeoutMs ?? this.timeoutMs, () => {
        this.#waiting = this.#waiting.filter(other => other !== call)
        resolve(this.owner.refuse(unavailable()))
      })
      const call: WaitingCall = { id, counts, options, resolve, cancel }
      this.#waiting.push(call)
    })
    outcome.catch(() => {})
    void this.owner.counted()
    return outcome
  }

  #take(id: OperationId, counts: readonly OperationCount[], options: AddOptions): Promise<void> {
    const { owner } = this
    const { operations } = owner.replica
    const { replicas = 1 } = options
    try {
      const taken = operations.take(id, counts, this.host.wallMs())
      if (taken === 'new') return owner.follow(options)
      if (replicas !== 1 && operations.carryToo(id)) return owner.follow(options)
      return operations.isDurable(id) ? Promise.resolve() : this.#durable()
    } catch (error) {
      return owner.refuse(error)
    }
  }

  /** Known here, and in a commit that is not durable yet, or in none. */
  #durable(): Promise<void> {
    if (this.owner.replica.commits.pending) return this.owner.counted()
    return this.instants
      .next(() => {})
      .catch(cause => {
        const text = `the disk failed while the operation was written; it may or may not have been counted: ${String(cause)}`
        return this.owner.refuse(new TallymeshError('INDETERMINATE', text, { cause }))
      })
  }
}

/** The sums for each key, in key order. @throws TallymeshError INVALID_OPTION, INVALID_AMOUNT, COUNTER_OVERFLOW */
function operationCounts(entries: readonly OperationAdd[]): readonly OperationCount[] {
  if (entries.length === 0) throw new TallymeshError('INVALID_OPTION', 'an operation counts on at least one key')
  const [only] = entries
  if (only && entries.length === 1) {
    checkSignedAmount(only.add)
    return [{ key: only.key, p: Math.max(0, only.add), n: Math.max(0, -only.add) }]
  }
  const sums = new Map<CounterKey, { p: number; n: number }>()
  for (const { key, add } of entries) {
    checkSignedAmount(add)
    const { p, n } = sums.get(key) ?? { p: 0, n: 0 }
    const sum = add > 0 ? { p: p + add, n } : { p, n: n - add }
    if (!Number.isSafeInteger(sum.p) || !Number.isSafeInteger(sum.n)) {
      throw new TallymeshError('COUNTER_OVERFLOW', `${key} would pass 2^53 - 1 in this operation; nothing was counted`)
    }
    sums.set(key, sum)
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, { p, n }]) => ({ key, p, n }))
}
