import type { Delivery } from './add-buffer.js'
import type { Addition, Replicas } from './addition.js'
import { type CounterValue, counterValue, counterValues, type Decoder } from './answers.js'
import type { Caller } from './caller.js'
import { refuse, TallymeshClientError } from './client-error.js'
import type { Custody } from './custody.js'
import { endedBy, madeAtMs, newOperationId, type Operation } from './operation.js'
import type { KeptOperation } from './outbox.js'
import type { Ask } from './outcome.js'
import { counterPath, query } from './request-path.js'
import { Turnstile } from './turnstile.js'
import { aborted } from './wire.js'

// Longer ones go into the body: a request line that is too long is refused by whatever stands before the server.
const PATH_LENGTH_MAX = 2_000
/** What waits in an outbox while no server answers would else be tried all at the same time. */
const KEPT_CALLS_MAX = 64

const LEFT = refuse('KEPT', 'the client was closed')

export interface AdderOptions {
  readonly timeoutMs: number
  readonly deadlineMs: number
  readonly operations: boolean
}

/** An add as it is sent. */
interface Order {
  readonly additions: readonly Addition[]
  readonly replicas: Replicas | undefined
  readonly operation: Operation | undefined
  /** Whether the outbox has it, for this call. */
  held: boolean
}

/** Sends adds. With an outbox each is in it from before it is first sent until it is told what became of it. */
export class Adder {
  readonly #caller: Caller
  readonly #options: AdderOptions
  readonly #custody: Custody | undefined
  readonly #turnstile = new Turnstile(KEPT_CALLS_MAX)
  /** Of the calls that an outbox keeps. One each: Node warns of many listeners on one signal. */
  readonly #ends = new Set<AbortController>()
  #left = false

  constructor(caller: Caller, options: AdderOptions, custody: Custody | undefined) {
    this.#caller = caller
    this.#options = options
    this.#custody = custody
  }

  /** @param own an id that the program chose: it may have been tried before
   *  @throws TallymeshClientError */
  async add(addition: Addition, replicas?: Replicas, own?: string, signal?: AbortSignal): Promise<CounterValue> {
    const path = counterPath(addition.key)
    if (path.length > PATH_LENGTH_MAX) {
      const [only] = await this.addAll([addition], replicas, own, signal)
      return only as CounterValue
    }
    const order = this.#order([addition], replicas, own)
    const body = JSON.stringify({ add: addition.add, replicas, timeoutMs: this.#serverTimeoutMs(order) })
    return await this.#settle(order, path, body, counterValue, signal)
  }

  /** @throws TallymeshClientError */
  async addAll(
    additions: readonly Addition[],
    replicas?: Replicas,
    own?: string,
    signal?: AbortSignal,
  ): Promise<readonly CounterValue[]> {
    const order = this.#order(additions, replicas, own)
    return await this.#settle(order, ...this.#together(order), signal)
  }

  /** Gathered adds; the outbox begins to keep them. */
  form(entries: readonly Addition[], replicas: Replicas | undefined): Delivery {
    const order = this.#order(entries, replicas)
    return this.#delivery(order, this.#keep([order]))
  }

  #delivery(order: Order, kept: Promise<void>): Delivery {
    return {
      entries: order.additions,
      send: async () => {
        await kept
        const values = await this.#attempt(order, ...this.#together(order))
        this.#drop(order)
        return values
      },
      // In one step: halves that are kept beside the whole would count twice, and else a crash might leave neither.
      divide: parts => {
        const orders = parts.map(part => this.#order(part, order.replicas))
        const divided = this.#keep(orders, order).catch(async error => {
          throw await this.#fail(order, error)
        })
        divided.catch(() => {})
        return orders.map(each => this.#delivery(each, divided))
      },
      fail: error => this.#fail(order, error),
    }
  }

  /** Sends what an earlier client left. The outbox keeps it where that fails. @throws TallymeshClientError */
  async resend(kept: KeptOperation): Promise<void> {
    const { id, additions, replicas, madeAtMs } = kept
    const order = { additions, replicas, operation: { id, additions, madeAtMs, again: true }, held: true }
    await this.#attempt(order, ...this.#together(order))
    this.#drop(order)
  }

  /** Ends the calls that an outbox keeps, with KEPT. */
  leave(): void {
    this.#left = true
    for (const end of this.#ends) end.abort(LEFT)
  }

  #order(additions: readonly Addition[], replicas: Replicas | undefined, own?: string): Order {
    const id = own ?? (this.#options.operations ? newOperationId() : undefined)
    const operation = id === undefined ? undefined : { id, additions, again: own !== undefined, madeAtMs: madeAtMs(id) }
    return { additions, replicas, operation, held: false }
  }

  /** What asks for all additions of an order in one commit. */
  #together(order: Order): [path: string, body: string, decode: Decoder<readonly CounterValue[]>] {
    const { additions, replicas } = order
    const path = `/v1/counters${query({ replicas, timeoutMs: this.#serverTimeoutMs(order) })}`
    return [path, JSON.stringify(additions), counterValues(additions.length)]
  }

  /** The server gives up waiting, for other stores or for the room to know of it, before this client gives up waiting for the
   *  server: else all that is known would be "perhaps". */
  #serverTimeoutMs({ replicas, operation }: Order): number | undefined {
    if (replicas === undefined && operation === undefined) return undefined
    return Math.max(1, Math.floor(0.8 * Math.min(this.#options.timeoutMs, this.#options.deadlineMs)))
  }

  /** Keeps an order and sends it; what this tells is its end. */
  async #settle<T>(order: Order, path: string, body: string, decode: Decoder<T>, signal?: AbortSignal): Promise<T> {
    await this.#keep([order])
    let value: T
    try {
      value = await this.#attempt(order, path, body, decode, signal)
    } catch (error) {
      throw await this.#fail(order, error)
    }
    this.#drop(order)
    return value
  }

  /** Resolves once the outbox, if there is one, has the orders; a rejection that nobody handles is no harm.
   *  @param instead leaves it in the same step */
  #keep(orders: readonly Order[], instead?: Order): Promise<void> {
    const kept = this.#tryKeep(orders, instead)
    kept.catch(() => {})
    return kept
  }

  async #tryKeep(orders: readonly Order[], instead: Order | undefined): Promise<void> {
    if (this.#custody === undefined) return
    const operations = orders.flatMap(({ operation, replicas }) => {
      if (operation === undefined) return []
      const { id, additions, madeAtMs } = operation
      return [{ id, additions, madeAtMs, ...(replicas === undefined ? {} : { replicas }) }]
    })
    try {
      await this.#custody.keep(operations, instead?.operation?.id)
    } catch (error) {
      const [only, ...more] = orders
      const { operation } = only as Order
      if (!(error instanceof TallymeshClientError) || more.length > 0) throw error
      throw endedBy(error, operation, operation?.again ?? false)
    }
    for (const order of orders) order.held = true
    if (instead) instead.held = false
  }

  /** It is counted, and leaves the outbox in passing: it would count once all the same. */
  #drop(order: Order): void {
    if (!order.held || order.operation === undefined) return
    order.held = false
    void this.#custody?.drop(order.operation.id)
  }

  /** It failed, and leaves the outbox. What is told as not counted must not come back after a crash: it is out of it for good before.
   *  Answers what is to be told. */
  async #fail(order: Order, error: unknown): Promise<unknown> {
    const { operation } = order
    if (!(error instanceof TallymeshClientError) || error.counted !== false || !order.held || operation === undefined) {
      this.#drop(order)
      return error
    }
    order.held = false
    try {
      await this.#custody?.drop(operation.id, true)
      return error
    } catch {
      const what = `${error.message}. But the outbox cannot be written: after a crash it would be sent again`
      const { id, additions } = operation
      const details = { counted: 'perhaps', operation: id, additions, cause: error } as const
      return new TallymeshClientError('OUTBOX_FAILED', what, details)
    }
  }

  async #attempt<T>(order: Order, path: string, body: string, decode: Decoder<T>, signal?: AbortSignal): Promise<T> {
    const { operation, held } = order
    const ask: Ask<T> = { method: 'POST', path, body, operation, decode, patient: held }
    if (!held) return await this.#caller.call(ask, [signal])
    const end = new AbortController()
    this.#ends.add(end)
    if (this.#left) end.abort(LEFT)
    const signals = [signal, end.signal]
    try {
      return await this.#turnstile.pass(signals, () => this.#caller.call(ask, signals))
    } catch (reason) {
      const error = reason instanceof TallymeshClientError ? reason : aborted(reason)
      const left = this.#left && (error.code === 'KEPT' || error.code === 'INDETERMINATE')
      if (!left) throw error.operation === undefined ? endedBy(error, operation, operation?.again ?? false) : error
      order.held = false
      const what =
        'the client was closed before a server acknowledged it; the next client with the same outbox sends it again'
      throw endedBy(new TallymeshClientError('KEPT', what, { counted: 'perhaps', cause: error }), operation, true)
    } finally {
      this.#ends.delete(end)
    }
  }
}
