import type { Addition, Replicas } from './addition.js'
import type { CounterValue } from './answers.js'
import { Batch, type BatchSize, BODY_SIZE } from './batch.js'
import { refuse, TallymeshClientError } from './client-error.js'
import { aborted } from './wire.js'

/** Keys in batches that wait, together. */
const WAITING_KEYS_MAX = 100_000
/** Refusals that may be for one key's sake. */
const ONE_FOR_ALL = new Set(['COUNTER_OVERFLOW', 'INVALID_NAME', 'BODY_TOO_LARGE', 'OPERATION_TOO_LARGE'])

/** Entries that never change again, on their way to the servers. */
export interface Delivery {
  readonly entries: readonly Addition[]
  /** Sends them, as often as it takes. */
  send(): Promise<readonly CounterValue[]>
  /** Other deliveries in place of this one, which was refused: a part of its entries each. */
  divide(parts: ReadonlyArray<readonly Addition[]>): readonly Delivery[]
  /** It failed with this error. Answers what is to be told of it. */
  fail(error: unknown): Promise<unknown>
}

/** @param entries one at least */
export type Form = (entries: readonly Addition[], replicas: Replicas | undefined) => Delivery

export interface BufferOptions {
  readonly maxDelayMs: number
  readonly maxKeys: number
  readonly size?: BatchSize
  /** Whether batches are formed as soon as they take no more adds, before the ones in front of them are sent: for what forming them
   *  does. Then they do not gather for longer, either. */
  readonly early?: boolean
}

interface Waiting {
  readonly batch: Batch
  readonly replicas: Replicas | undefined
  readonly dueAtMs: number
  /** Once it is formed; none where all was withdrawn. */
  delivery?: Delivery | undefined
}

/** Gathers adds for a while and sends them together, one batch after the other. */
export class AddBuffer {
  readonly #form: Form
  readonly #early: boolean
  readonly #maxDelayMs: number
  readonly #maxKeys: number
  readonly #size: BatchSize
  /** The batches that take adds, one for each write concern. */
  readonly #open = new Map<Replicas | undefined, Waiting>()
  /** Those that take no more keys and go next, in this order. */
  readonly #sealed: Waiting[] = []
  /** The last of those that has a key, for each write concern; unless they are formed early: then they take nothing more. */
  readonly #sealedWith = new Map<Replicas | undefined, Map<string, Waiting>>()
  #waitingKeys = 0
  #inFlight: Promise<void> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The first failure since the last flush. */
  #failure: { readonly error: unknown } | undefined

  constructor(form: Form, { maxDelayMs, maxKeys, size = BODY_SIZE, early = false }: BufferOptions) {
    this.#form = form
    this.#early = early
    this.#maxDelayMs = maxDelayMs
    this.#maxKeys = maxKeys
    this.#size = size
  }

  /** Resolves with the value after the batch. Shared by all adds of a key in a batch that have no signal.
   *  @throws TallymeshClientError BUFFER_FULL (as a rejection), and how the batch failed */
  add({ key, add }: Addition, replicas: Replicas | undefined, signal?: AbortSignal): Promise<CounterValue> {
    if (signal?.aborted) return Promise.reject(aborted(signal.reason))
    const sealed = this.#sealedWith.get(replicas)?.get(key)
    const joined = sealed?.batch.add(key, add, false)
    if (sealed && joined) return signal ? this.#withSignal(sealed, { key, add }, joined, signal) : joined
    const mayGrow = this.#waitingKeys < WAITING_KEYS_MAX
    let target = this.#open.get(replicas)
    let keysBefore = target?.batch.keys ?? 0
    let settled = target?.batch.add(key, add, mayGrow)
    if (target === undefined || settled === undefined) {
      if (!mayGrow) {
        const what = `adds of ${this.#waitingKeys} keys wait for a server already; this one was not counted`
        return this.#fail(refuse('BUFFER_FULL', what))
      }
      if (target) this.#seal(target)
      target = this.#begin(replicas)
      keysBefore = 0
      // An empty batch takes any add.
      settled = target.batch.add(key, add, true) as Promise<CounterValue>
      this.#pump()
    }
    this.#waitingKeys += target.batch.keys - keysBefore
    if (target.batch.keys >= this.#maxKeys) {
      this.#seal(target)
      this.#pump()
    }
    return signal ? this.#withSignal(target, { key, add }, settled, signal) : settled
  }

  /** A rejection that is no harm if nobody handles it: the next flush throws it. */
  #fail(error: unknown): Promise<never> {
    this.#failure ??= { error }
    const failed = Promise.reject(error)
    failed.catch(() => {})
    return failed
  }

  #begin(replicas: Replicas | undefined): Waiting {
    const batch = new Batch(this.#maxKeys, this.#size)
    const begun = { batch, replicas, dueAtMs: performance.now() + this.#maxDelayMs }
    this.#open.set(replicas, begun)
    return begun
  }

  #seal(waiting: Waiting): void {
    if (this.#open.get(waiting.replicas) !== waiting) return
    this.#open.delete(waiting.replicas)
    this.#sealed.push(waiting)
    if (this.#early) this.#formed(waiting)
    else if (this.#inFlight !== undefined) this.#index(waiting)
  }

  /** Its keys take more adds until it is sent. */
  #index(waiting: Waiting): void {
    let places = this.#sealedWith.get(waiting.replicas)
    if (!places) this.#sealedWith.set(waiting.replicas, (places = new Map()))
    for (const key of waiting.batch) places.set(key, waiting)
  }

  /** The batch that goes next; it takes nothing more. */
  #next(): Waiting | undefined {
    const next = this.#sealed.shift()
    if (!next) return undefined
    this.#waitingKeys -= next.batch.keys
    const places = this.#sealedWith.get(next.replicas)
    for (const key of places ? next.batch : []) if (places?.get(key) === next) places.delete(key)
    if (places?.size === 0) this.#sealedWith.delete(next.replicas)
    return next
  }

  #formed(waiting: Waiting): Delivery | undefined {
    const { entries } = waiting.batch
    if (entries.length > 0) waiting.delivery ??= this.#form(entries, waiting.replicas)
    return waiting.delivery
  }

  #withSignal(
    target: Waiting,
    { key, add }: Addition,
    settled: Promise<CounterValue>,
    signal: AbortSignal,
  ): Promise<CounterValue> {
    const own = new Promise<CounterValue>((resolve, reject) => {
      const abort = (): void => {
        const waits = this.#sealed.includes(target) || this.#open.get(target.replicas) === target
        if (waits && target.delivery === undefined) {
          target.batch.withdraw(key, add)
          return reject(aborted(signal.reason))
        }
        const what = 'the call was aborted while its batch was under way; it may or may not have been counted'
        reject(new TallymeshClientError('INDETERMINATE', what, { counted: 'perhaps', cause: signal.reason }))
      }
      signal.addEventListener('abort', abort, { once: true })
      settled.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    })
    own.catch(() => {})
    return own
  }

  /** Sends the next batch if it may go, else sees to it that it will. */
  #pump(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#inFlight !== undefined && !this.#early) return
    const nowMs = performance.now()
    for (const waiting of this.#open.values()) if (waiting.dueAtMs <= nowMs) this.#seal(waiting)
    const next = this.#inFlight === undefined ? this.#next() : undefined
    if (next) {
      this.#inFlight = this.#deliver(next).then(() => {
        this.#inFlight = undefined
        this.#pump()
      })
    }
    if (this.#open.size > 0 && (this.#inFlight === undefined || this.#early)) {
      const soonestMs = Math.min(...Array.from(this.#open.values(), ({ dueAtMs }) => dueAtMs))
      this.#timer = setTimeout(() => this.#pump(), Math.ceil(soonestMs - nowMs))
    }
  }

  /** Never rejects: the adds are told. */
  async #deliver(waiting: Waiting): Promise<void> {
    const delivery = this.#formed(waiting)
    if (delivery) await this.#deliverPart(waiting.batch, delivery)
  }

  /** A refusal that one key brought about must not keep the others from being counted: halves are sent by themselves.
   *  They are other counts, and so other operations; that the whole is in no total is certain then. */
  async #deliverPart(batch: Batch, delivery: Delivery): Promise<void> {
    const { entries } = delivery
    try {
      batch.resolve(entries, await delivery.send())
    } catch (error) {
      const half = splitAt(entries)
      const forOne = error instanceof TallymeshClientError && error.counted === false && ONE_FOR_ALL.has(error.code)
      if (!forOne || half === 0) {
        const told = await delivery.fail(error)
        this.#failure ??= { error: told }
        return batch.reject(entries, told)
      }
      for (const part of delivery.divide([entries.slice(0, half), entries.slice(half)]))
        await this.#deliverPart(batch, part)
    }
  }

  /** Lets nothing gather for longer. */
  seal(): void {
    for (const waiting of this.#open.values()) this.#seal(waiting)
    this.#pump()
  }

  /** Sends everything that waits, at once; resolves when all of it is acknowledged.
   *  @throws the first failure of a batch since the flush before, so that adds which nobody waited for do not fail unseen */
  async flush(): Promise<void> {
    this.seal()
    const last = this.#sealed.at(-1)
    while (last !== undefined && this.#sealed.includes(last)) await this.#inFlight
    await this.#inFlight
    const failure = this.#failure
    this.#failure = undefined
    if (failure) throw failure.error
  }
}

/** Where to halve, so that the two entries of a key stay together; 0 where there is one key only. */
function splitAt(entries: readonly Addition[]): number {
  const half = Math.ceil(entries.length / 2)
  const split = entries[half - 1]?.key === entries[half]?.key ? half + 1 : half
  return split < entries.length ? split : entries.length > 2 ? half - 1 : 0
}
