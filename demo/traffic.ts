import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { TallymeshClient, TallymeshClientError } from '@tallymesh/client'
import { nextAsk } from './asks.js'
import { Attempts } from './attempts.js'
import type { Ledger } from './ledger.js'
import { countersOf } from './request-counters.js'
import type { Seeded } from './seeded.js'

export interface TrafficOptions {
  /** Of the balancer, or of the nodes. */
  readonly urls: readonly string[]
  readonly ledger: Ledger
  readonly random: Seeded
  /** On how many disks a count is to be before it is acknowledged. */
  readonly replicas: number
  /** Customers at a time, each with one request under way at most. */
  readonly customers: number
  readonly ratePerSecondMax: number
}

/** How long one attempt of a customer takes at most. The server waits 0.8 of it for a second disk: so long a count takes at a node
 *  that is cut off. */
const HASTY_MS = 1_000
/** Of a customer who takes slowness for no error. */
const PATIENT_MS = 10_000
/** So long a call of the client goes from node to node by itself. */
const CALL_DEADLINE_MS = 30_000
/** Between two calls for one operation. */
const FAILURE_PAUSE_MS = 250
/** Then the customer leaves, and another one comes, who knows nothing of which node is well. */
const VISIT_REQUESTS = 25

/** Customers of the shop: a bounded number of them, at a bounded rate. Each request is counted as one operation, which is tried on one
 *  node after the other until it is acknowledged; and the books are kept of what became of it. */
export class Traffic {
  readonly attempts = new Attempts()
  /** Of operations that were acknowledged: how long that took in ms, over all attempts. */
  readonly latenciesMs: number[] = []
  /** Calls of the client that ended in an error, by what it was. */
  readonly failures = new Map<string, number>()
  /** The last of these in words, and when it was, on the clock of `performance.now`. */
  lastFailure = { atMs: 0, text: '' }
  /** Answers that an operation is counted on the disk of the answering node alone, by this node. Such an operation is tried on. */
  readonly #alone = new Map<string, number>()
  readonly #givenUp = new AbortController()
  #lanes: Promise<unknown> = Promise.resolve()
  #stopped = false
  #paused: { readonly over: Promise<void>; readonly end: () => void } | undefined
  #asking = 0
  #arrivals = 0
  #timeoutMs = HASTY_MS
  #nextMs = 0
  #startMs = 0
  #pausedMs = 0

  constructor(readonly options: TrafficOptions) {
    setMaxListeners(0, this.#givenUp.signal)
  }

  /** Attempts that broke off, and calls that failed without any disk having the operation. */
  get errors(): number {
    return this.attempts.broken + sum(this.failures) - sum(this.#alone)
  }

  /** How often a node answered that only its own disk has the operation. */
  aloneOn(node: string): number {
    return this.#alone.get(node) ?? 0
  }

  start(): void {
    this.#startMs = performance.now()
    this.#lanes = Promise.all(Array.from({ length: this.options.customers }, () => this.#lane()))
  }

  /** How long customers were let ask, in ms. */
  get flowedMs(): number {
    return performance.now() - this.#startMs - this.#pausedMs
  }

  /** From here on all customers are patient ones, or hasty ones as usual; resolves once none of the others waits for an answer. */
  async become(kind: 'patient' | 'hasty'): Promise<void> {
    await this.#pause()
    this.#timeoutMs = kind === 'patient' ? PATIENT_MS : HASTY_MS
    this.#resume()
  }

  /** Holds customers back; resolves once no operation is open. */
  async #pause(): Promise<void> {
    let end = () => {}
    const over = new Promise<void>(resolve => (end = resolve))
    const fromMs = performance.now()
    this.#paused = {
      over,
      end: () => {
        this.#pausedMs += performance.now() - fromMs
        end()
      },
    }
    while (this.#asking > 0) await sleep(1)
  }

  #resume(): void {
    const paused = this.#paused
    this.#paused = undefined
    this.#nextMs = performance.now()
    paused?.end()
  }

  /** Ends the traffic; resolves once every operation is settled, or left open when `settleMs` are over. */
  async stop(settleMs: number): Promise<void> {
    this.#stopped = true
    this.#resume()
    const giveUp = setTimeout(() => this.#giveUp(), settleMs)
    await this.#lanes
    clearTimeout(giveUp)
  }

  /** Ends the traffic without waiting for answers. */
  async abort(): Promise<void> {
    this.#giveUp()
    await this.stop(0)
  }

  #giveUp(): void {
    this.#givenUp.abort()
  }

  /** One customer after another. */
  async #lane(): Promise<void> {
    while (!this.#stopped) {
      const timeoutMs = this.#timeoutMs
      const client = this.#arrive(timeoutMs)
      for (let i = 0; i < VISIT_REQUESTS && this.#open(timeoutMs); i++) await this.#shop(client, timeoutMs)
      await client.close()
    }
  }

  #arrive(timeoutMs: number): TallymeshClient {
    const first = this.#arrivals++ % this.options.urls.length
    const urls = [...this.options.urls.slice(first), ...this.options.urls.slice(0, first)]
    const { fetch } = this.attempts
    return new TallymeshClient({ urls, timeoutMs, deadlineMs: CALL_DEADLINE_MS, fetch })
  }

  /** Whether customers of this kind may ask. */
  #open(timeoutMs: number): boolean {
    return !this.#stopped && timeoutMs === this.#timeoutMs
  }

  async #shop(client: TallymeshClient, timeoutMs: number): Promise<void> {
    if (this.#paused) await this.#paused.over
    await this.#turn()
    if (this.#paused || !this.#open(timeoutMs)) return
    this.#asking++
    await this.#count(client, timeoutMs, countersOf(nextAsk(this.options.random)))
    this.#asking--
  }

  /** Waits for the customer's turn, so that all together keep to the rate. */
  async #turn(): Promise<void> {
    const nowMs = performance.now()
    const turnMs = Math.max(this.#nextMs, nowMs)
    this.#nextMs = turnMs + 1_000 / this.options.ratePerSecondMax
    if (turnMs > nowMs) await sleep(turnMs - nowMs)
  }

  /** Adds one to each counter, all as one operation, and tries that until it is settled. */
  async #count(client: TallymeshClient, timeoutMs: number, keys: readonly string[]): Promise<void> {
    const { ledger } = this.options
    const startMs = performance.now()
    let error = await this.#call(client, keys, undefined)
    while (error !== undefined) {
      const { code, counted, operation: id } = error
      if (isFinal(error) || this.#givenUp.signal.aborted) {
        return counted === false || id === undefined ? ledger.refuse() : ledger.leaveOpen({ id, keys, why: code })
      }
      await sleep(FAILURE_PAUSE_MS)
      // Who comes anew asks another node first.
      const other = this.#arrive(timeoutMs)
      // What is certainly not counted may go under a fresh id: then a refusal still tells that it is not.
      error = await this.#call(other, keys, counted === false ? undefined : id)
      await other.close()
    }
    this.latenciesMs.push(performance.now() - startMs)
    ledger.acknowledge(keys)
  }

  /** One call of the client, with all its attempts. @returns undefined once it is acknowledged */
  async #call(
    client: TallymeshClient,
    keys: readonly string[],
    operation: string | undefined,
  ): Promise<TallymeshClientError | undefined> {
    const additions = keys.map(key => ({ key, add: 1 }))
    try {
      await client.addAll(additions, { replicas: this.options.replicas, operation, signal: this.#givenUp.signal })
      return undefined
    } catch (error) {
      if (!(error instanceof TallymeshClientError)) throw error
      this.#note(error)
      return error
    }
  }

  #note({ code, counted, status, node, message: text }: TallymeshClientError): void {
    if (counted === true) this.#alone.set(node ?? '', this.aloneOn(node ?? '') + 1)
    this.lastFailure = { atMs: performance.now(), text }
    const why = `${code} (${status === undefined ? 'no answer' : `status ${status}`})`
    this.failures.set(why, (this.failures.get(why) ?? 0) + 1)
  }
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0)
}

const RATE_LIMITED = 429

/** Whether a server refused it in a way that no further attempt changes. */
function isFinal({ status = 0 }: TallymeshClientError): boolean {
  return status >= 400 && status <= 499 && status !== RATE_LIMITED
}
