import { AddBuffer } from './add-buffer.js'
import { type Addition, checkAddition, checkAdditions, checkCall, checkReplicas, type Replicas } from './addition.js'
import {
  type CounterPage,
  type CounterTotals,
  type CounterValue,
  counterPage,
  counterTotals,
  counterValue,
  counterValues,
  type Members,
  roomMembers,
} from './answers.js'
import { Caller } from './caller.js'
import { refuse } from './client-error.js'
import { canonicalKey } from './counter-key.js'
import { Endpoints } from './endpoints.js'
import { type CheckedOptions, type ClientOptions, checkOptions, integer } from './options.js'
import type { Ask } from './outcome.js'
import { Position } from './position.js'
import { Watch } from './watch.js'
import { Wire } from './wire.js'

export interface AddOptions {
  /** In place of the client's `replicas`. */
  readonly replicas?: Replicas | undefined
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

// Longer ones go into the body: a request line that is too long is refused by whatever stands before the server.
const PATH_LENGTH_MAX = 2_000

const ADD_NAMES = ['replicas']
const READ_NAMES = ['stale']
const PAGE_NAMES = [...READ_NAMES, 'prefix', 'limit', 'after']

/** Counts in and reads from a room through its HTTP servers. What was certainly not counted is tried again, on another server;
 *  what may have been counted is never sent twice. Every call fails with a `TallymeshClientError` that says which of both it was. */
export class TallymeshClient {
  readonly #options: CheckedOptions
  readonly #position: Position
  readonly #endpoints: Endpoints
  readonly #wire: Wire
  readonly #caller: Caller
  readonly #buffer: AddBuffer
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
    const { maxDelayMs, maxKeys } = this.#options
    this.#buffer = new AddBuffer((entries, replicas) => this.#post(entries, replicas), maxDelayMs, maxKeys)
  }

  /** Up to where this client's own adds reach, as text; '' before the first. Another client that begins with it reads no less. */
  get position(): string {
    return this.#position.toString()
  }

  /** Adds to a counter. Resolves once that is durable, and confirmed by `replicas` stores, with the counter's value then.
   *  With `maxDelayMs` it goes with others; nobody has to wait for it then: what fails unseen is thrown by `flush` and `close`.
   *  @param amount a safe integer, not 0; negative: decrements
   *  @throws TallymeshClientError (as a rejection) INVALID_NAME, INVALID_AMOUNT, INVALID_OPTION, UNREACHABLE, INDETERMINATE,
   *    NOT_REPLICATED, BUFFER_FULL, ABORTED, CLOSED, INVALID_TOKEN, and the server's other refusals */
  add(key: string, amount: number, options: AddOptions = {}): Promise<CounterValue> {
    try {
      this.#checkOpen()
      checkCall(options, ADD_NAMES)
      const addition = checkAddition(key, amount)
      const replicas = checkReplicas(options.replicas) ?? this.#options.replicas
      if (this.#options.maxDelayMs > 0) return this.#buffer.add(addition, replicas, options.signal)
      return this.#track(this.#addOne(addition, replicas, options.signal))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async #addOne(addition: Addition, replicas: Replicas | undefined, signal?: AbortSignal): Promise<CounterValue> {
    const path = counterPath(addition.key)
    if (path.length > PATH_LENGTH_MAX) {
      const [only] = await this.#post([addition], replicas, signal)
      return only as CounterValue
    }
    const concern = replicas === undefined ? {} : { replicas, timeoutMs: this.#replicasTimeoutMs }
    const body = JSON.stringify({ add: addition.add, ...concern })
    return await this.#caller.call({ method: 'POST', path, body, decode: counterValue }, [signal])
  }

  /** Adds to many counters in one commit: all of it or nothing. It is sent at once, with `maxDelayMs` too.
   *  @param additions 1 to 2,000; a key may stand more than once
   *  @throws TallymeshClientError as `add` */
  async addAll(additions: readonly Addition[], options: AddOptions = {}): Promise<readonly CounterValue[]> {
    this.#checkOpen()
    checkCall(options, ADD_NAMES)
    const checked = checkAdditions(additions)
    const replicas = checkReplicas(options.replicas) ?? this.#options.replicas
    return await this.#track(this.#post(checked, replicas, options.signal))
  }

  #post(
    entries: readonly Addition[],
    replicas: Replicas | undefined,
    signal?: AbortSignal,
  ): Promise<readonly CounterValue[]> {
    const timeoutMs = replicas === undefined ? undefined : this.#replicasTimeoutMs
    const path = `/v1/counters${query({ replicas, timeoutMs })}`
    const body = JSON.stringify(entries.map(({ key, add }) => ({ key, add })))
    return this.#caller.call({ method: 'POST', path, body, decode: counterValues(entries.length) }, [signal])
  }

  /** The server gives up waiting for other stores before this client gives up waiting for the server: else all that is
   *  known would be "perhaps". */
  get #replicasTimeoutMs(): number {
    return Math.max(1, Math.floor(0.8 * Math.min(this.#options.timeoutMs, this.#options.deadlineMs)))
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
  async get(key: string, options: ReadOptions = {}): Promise<CounterTotals> {
    checkCall(options, READ_NAMES)
    return await this.#read(counterPath(canonicalKey(key)), counterTotals, options)
  }

  /** A page of the counters in key order. @throws as `get` */
  async list(options: ListOptions = {}): Promise<CounterPage> {
    checkCall(options, PAGE_NAMES)
    const { prefix, after } = options
    const limit = options.limit === undefined ? undefined : integer('limit', options.limit, 1, 1_000)
    return await this.#read(`/v1/counters${query({ prefix, after, limit })}`, counterPage, options)
  }

  /** All counters in key order, page by page: no snapshot, each page is of its own moment. @throws as `get` */
  async *counters(options: PageOptions = {}): AsyncGenerator<CounterTotals, void, undefined> {
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
  watch(key: string, options: WatchOptions = {}): AsyncGenerator<CounterValue, void, undefined> {
    this.#checkOpen()
    checkCall(options, [...READ_NAMES, 'intervalMs'])
    const intervalMs =
      options.intervalMs === undefined ? undefined : integer('intervalMs', options.intervalMs, 10, 60_000)
    const path = `${counterPath(canonicalKey(key))}/watch${query({ intervalMs })}`
    const watch = new Watch(this.#wire, this.#endpoints, this.#caller, this.#options, path, !options.stale)
    return watch.values([options.signal, this.#stop.signal])
  }

  /** The room's members as the server that answers sees them. @throws as `get` */
  async members(options: Pick<ReadOptions, 'signal'> = {}): Promise<Members> {
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

  /** Refuses further calls, ends reads and watches, and waits until all adds are settled. A second call answers as the first.
   *  @throws as `flush`, when it is closed all the same */
  close(): Promise<void> {
    this.#closed ??= this.#end()
    return this.#closed
  }

  async #end(): Promise<void> {
    this.#stop.abort(refuse('CLOSED', 'the client was closed'))
    const adding = Promise.allSettled(this.#adding)
    try {
      await this.#buffer.flush()
    } finally {
      await adding
    }
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw refuse('CLOSED', 'the client is closed; nothing was sent')
  }
}

/** @param key canonical */
function counterPath(key: string): string {
  // A path of one or two dots would be the directory; an escape before the first leaves the key what it is.
  return `/v1/counters/${encodeURIComponent(key === '.' || key === '..' ? `\\${key}` : key)}`
}

function query(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) given.set(name, String(value))
  const text = given.toString()
  return text === '' ? '' : `?${text}`
}
