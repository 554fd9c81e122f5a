import { AddBuffer, type Form } from './add-buffer.js'
import { Adder } from './adder.js'
import {
  type Addition,
  checkAddition,
  checkAdditions,
  checkCall,
  checkReplicas,
  NO_OPTIONS,
  type Replicas,
} from './addition.js'
import {
  type CounterPage,
  type CounterTotals,
  type CounterValue,
  counterPage,
  counterTotals,
  type Members,
  roomMembers,
} from './answers.js'
import { BODY_SIZE } from './batch.js'
import { Caller } from './caller.js'
import { refuse } from './client-error.js'
import { canonicalKey } from './counter-key.js'
import { Custody } from './custody.js'
import { Endpoints } from './endpoints.js'
import { checkOperation, OPERATION_SIZE } from './operation.js'
import { type CheckedOptions, type ClientOptions, checkOptions, integer } from './options.js'
import type { Ask } from './outcome.js'
import { Position } from './position.js'
import { NOTHING_LEFT, type Recovery, recover } from './recovery.js'
import { counterPath, query } from './request-path.js'
import { Watch } from './watch.js'
import { Wire } from './wire.js'

export interface AddOptions {
  /** In place of the client's `replicas`. */
  readonly replicas?: Replicas | undefined
  /** The id of this add: a UUID, such as `newOperationId` makes. Whatever is added with it counts once, however many calls try it. With
   *  other counts it is refused: OPERATION_MISMATCH. Such an add is sent at once, with `maxDelayMs` too. Default: a fresh id. */
  readonly operation?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ReadOptions {
  /** Do not wait for a server that has this client's own adds: the answer may lack them. */
  readonly stale?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

export interface PageOptions extends ReadOptions {
  readonly prefix?: string | undefined
  /** 1 to 1,000, default 100. */
  readonly limit?: number | undefined
}

export interface ListOptions extends PageOptions {
  /** Only keys after this one: `next` of the page before. */
  readonly after?: string | undefined
}

export interface WatchOptions extends ReadOptions {
  /** At most one value in so many milliseconds: 10 to 60,000, default the server's (100). */
  readonly intervalMs?: number | undefined
}

const ADD_NAMES = ['replicas', 'operation']
const READ_NAMES = ['stale']
const PAGE_NAMES = [...READ_NAMES, 'prefix', 'limit', 'after']

/** Counts in and reads from a room through its HTTP servers. Each add carries an id by which the servers know it again, and is tried, on one
 *  after the other, until one acknowledges it. What is not settled in time fails with a `TallymeshClientError` that says whether it was
 *  counted, and has what is needed to try it again. */
export class TallymeshClient {
  readonly #options: CheckedOptions
  readonly #position: Position
  readonly #endpoints: Endpoints
  readonly #wire: Wire
  readonly #caller: Caller
  readonly #custody: Custody | undefined
  readonly #adder: Adder
  readonly #buffer: AddBuffer
  readonly #recovery: Promise<Recovery>
  readonly #adding = new Set<Promise<unknown>>()
  readonly #stop = new AbortController()
  #closed: Promise<void> | undefined

  /** @throws TallymeshClientError INVALID_URL, INVALID_OPTION, INVALID_TOKEN */
  constructor(options: ClientOptions) {
    this.#options = checkOptions(options)
    this.#position = Position.parse(options.position ?? '')
    this.#endpoints = new Endpoints(options.urls, () => performance.now())
    this.#wire = new Wire(this.#options.fetch, options.token, this.#position)
    this.#caller = new Caller(this.#wire, this.#endpoints, this.#options, this.#options.random)
    const { operations, outbox, retryWindowMs } = this.#options
    this.#custody = outbox && new Custody(outbox)
    this.#adder = new Adder(this.#caller, this.#options, this.#custody)
    const size = operations ? OPERATION_SIZE : BODY_SIZE
    const form: Form = (entries, replicas) => this.#adder.form(entries, replicas)
    this.#buffer = new AddBuffer(form, { ...this.#options, size, early: outbox !== undefined })
    this.#recovery = this.#custody ? recover(this.#custody, this.#adder, retryWindowMs) : Promise.resolve(NOTHING_LEFT)
    this.#recovery.catch(() => {})
  }

  /** Up to where this client's own adds reach, as text; '' before the first. Another client that begins with it reads no less. */
  get position(): string {
    return this.#position.toString()
  }

  /** What became of what earlier clients left in the outbox, and this one sends again; nothing was left where there is none.
   *  @throws TallymeshClientError (as a rejection) OUTBOX_LOCKED, OUTBOX_FAILED, OUTBOX_UNSUPPORTED: as all adds do then */
  get recovery(): Promise<Recovery> {
    return this.#recovery
  }

  /** Adds to a counter. Resolves once that is durable, and confirmed by `replicas` stores, with the counter's value then.
   *  With `maxDelayMs` it goes with others; nobody has to wait for it then: what fails unseen is thrown by `flush` and `close`.
   *  @param amount a safe integer, not 0; negative: decrements
   *  @throws TallymeshClientError (as a rejection) INVALID_NAME, INVALID_AMOUNT, INVALID_OPTION, UNREACHABLE, INDETERMINATE,
   *    NOT_REPLICATED, OPERATION_MISMATCH, OPERATION_EXPIRED, OPERATIONS_FULL, OPERATIONS_UNAVAILABLE, BUFFER_FULL, ABORTED, CLOSED,
   *    INVALID_TOKEN, and the server's other refusals; with an outbox KEPT, OUTBOX_LOCKED, OUTBOX_FAILED, OUTBOX_UNSUPPORTED */
  add(key: string, amount: number, options: AddOptions = NO_OPTIONS): Promise<CounterValue> {
    try {
      this.#checkOpen()
      checkCall(options, ADD_NAMES)
      const addition = checkAddition(key, amount)
      const replicas = checkReplicas(options.replicas) ?? this.#options.replicas
      const own = checkOperation(options.operation)
      if (this.#options.maxDelayMs > 0 && own === undefined) return this.#buffer.add(addition, replicas, options.signal)
      return this.#track(this.#adder.add(addition, replicas, own, options.signal))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Adds to many counters in one commit: all of it or nothing. It is sent at once, with `maxDelayMs` too.
   *  @param additions 1 to 2,000; a key may stand more than once. With an id on up to 1,000 keys of 24 KiB together
   *  @throws TallymeshClientError as `add` */
  async addAll(additions: readonly Addition[], options: AddOptions = NO_OPTIONS): Promise<readonly CounterValue[]> {
    this.#checkOpen()
    checkCall(options, ADD_NAMES)
    const checked = checkAdditions(additions)
    const replicas = checkReplicas(options.replicas) ?? this.#options.replicas
    const own = checkOperation(options.operation)
    return await this.#track(this.#adder.addAll(checked, replicas, own, options.signal))
  }

  async #track<T>(adding: Promise<T>): Promise<T> {
    this.#adding.add(adding)
    try {
      return await adding
    } finally {
      this.#adding.delete(adding)
    }
  }

  /** The counter's value and totals; zeros where it was never counted. Contains all that this client was told is counted.
   *  @throws TallymeshClientError INVALID_NAME, UNREACHABLE, NOT_CAUGHT_UP, ABORTED, CLOSED, and the server's refusals */
  async get(key: string, options: ReadOptions = NO_OPTIONS): Promise<CounterTotals> {
    checkCall(options, READ_NAMES)
    return await this.#read(counterPath(canonicalKey(key)), counterTotals, options)
  }

  /** A page of the counters in key order. @throws as `get` */
  async list(options: ListOptions = NO_OPTIONS): Promise<CounterPage> {
    checkCall(options, PAGE_NAMES)
    const { prefix, after } = options
    const limit = options.limit === undefined ? undefined : integer('limit', options.limit, 1, 1_000)
    return await this.#read(`/v1/counters${query({ prefix, after, limit })}`, counterPage, options)
  }

  /** All counters in key order, page by page: no snapshot, each page is of its own moment. @throws as `get` */
  async *counters(options: PageOptions = NO_OPTIONS): AsyncGenerator<CounterTotals, void, undefined> {
    let after: string | undefined
    do {
      const page = await this.list({ ...options, after })
      yield* page.counters
      after = page.next ?? undefined
    } while (after !== undefined)
  }

  /** The counter's value at once, and then whenever it changes, never the same twice in a row. Who reads slowly gets the latest.
   *  Goes on with another server when a stream breaks; there it may fall back for a moment by what others counted, never by what
   *  this client did. Ends when the signal aborts or the client closes.
   *  @throws TallymeshClientError the server's refusals; UNREACHABLE if there was no first value within `deadlineMs` */
  watch(key: string, options: WatchOptions = NO_OPTIONS): AsyncGenerator<CounterValue, void, undefined> {
    this.#checkOpen()
    checkCall(options, [...READ_NAMES, 'intervalMs'])
    const intervalMs =
      options.intervalMs === undefined ? undefined : integer('intervalMs', options.intervalMs, 10, 60_000)
    const path = `${counterPath(canonicalKey(key))}/watch${query({ intervalMs })}`
    const watch = new Watch(this.#wire, this.#endpoints, this.#caller, this.#options, path, !options.stale)
    return watch.values([options.signal, this.#stop.signal])
  }

  /** The room's members as the server that answers sees them. @throws as `get` */
  async members(options: Pick<ReadOptions, 'signal'> = NO_OPTIONS): Promise<Members> {
    checkCall(options, [])
    return await this.#read('/v1/members', roomMembers, { ...options, stale: true })
  }

  async #read<T>(path: string, decode: Ask<T>['decode'], { stale, signal }: ReadOptions): Promise<T> {
    this.#checkOpen()
    return await this.#caller.call({ method: 'GET', path, decode, fresh: !stale }, [signal, this.#stop.signal])
  }

  /** Sends what is gathered at once and waits until it is acknowledged.
   *  @throws TallymeshClientError the first failure of gathered adds since the flush before */
  async flush(): Promise<void> {
    await this.#buffer.flush()
  }

  /** Puts what is gathered into the outbox at once, and waits until all that was added so far is in it: then it outlives this program.
   *  @throws TallymeshClientError the first failure to keep an add since the last `keep`; INVALID_OPTION where there is no outbox */
  async keep(): Promise<void> {
    if (this.#custody === undefined) throw refuse('INVALID_OPTION', 'this client has no outbox')
    this.#buffer.seal()
    await this.#custody.idle()
  }

  /** Refuses further calls, ends reads and watches, and waits until all adds are settled; with an outbox for `deadlineMs` at most, and what
   *  is not settled then is KEPT: the next client sends it. A second call answers as the first.
   *  @throws as `flush`, when it is closed all the same */
  close(): Promise<void> {
    this.#closed ??= this.#end()
    return this.#closed
  }

  async #end(): Promise<void> {
    this.#stop.abort(refuse('CLOSED', 'the client was closed'))
    const adding = Promise.allSettled([...this.#adding, this.#recovery])
    const leaving = this.#custody && setTimeout(() => this.#adder.leave(), this.#options.deadlineMs)
    try {
      await this.#buffer.flush()
    } finally {
      await adding
      clearTimeout(leaving)
      await this.#custody?.close()
    }
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw refuse('CLOSED', 'the client is closed; nothing was sent')
  }
}
