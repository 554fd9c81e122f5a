import { setTimeout as sleep } from 'node:timers/promises'
import { TallymeshClient, TallymeshClientError } from '@tallymesh/client'
import { nextAsk } from './asks.js'
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

/** How long a customer waits for an answer. The server waits 0.8 of it for a second disk: so long a count takes at a node that is
 *  cut off. */
const HASTY_MS = 1_000
/** Of a customer who takes slowness for no error. */
const PATIENT_MS = 10_000
/** What is certainly not counted is tried again for so long. */
const REQUEST_DEADLINE_MS = 30_000
/** A customer whose request failed waits before the next. */
const FAILURE_PAUSE_MS = 250
/** Then the customer leaves, and another one comes, who knows nothing of which node is well. */
const VISIT_REQUESTS = 25

/** Customers of the shop: a bounded number of them, at a bounded rate; and the books of what the shop was told when it counted
 *  their requests. */
export class Traffic {
  /** Of requests that were acknowledged: how long that took in ms. */
  readonly latenciesMs: number[] = []
  /** Requests that ended in an error, which no repetition made good, by what it was. */
  readonly failures = new Map<string, number>()
  /** The last of these in words, and when it was, on the clock of `performance.now`. */
  lastFailure = { atMs: 0, text: '' }
  readonly #underWay = new Set<AbortController>()
  #lanes: Promise<unknown> = Promise.resolve()
  #stopped = false
  #paused: { readonly over: Promise<void>; readonly end: () => void } | undefined
  #asking = 0
  #arrivals = 0
  #timeoutMs = HASTY_MS
  #nextMs = 0
  #startMs = 0
  #pausedMs = 0

  constructor(readonly options: TrafficOptions) {}

  /** How many requests ended in an error. */
  get failed(): number {
    return [...this.failures.values()].reduce((sum, count) => sum + count, 0)
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
    await this.pause()
    this.#timeoutMs = kind === 'patient' ? PATIENT_MS : HASTY_MS
    this.resume()
  }

  /** Holds customers back; resolves once no request is under way. */
  async pause(): Promise<void> {
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

  resume(): void {
    const paused = this.#paused
    this.#paused = undefined
    this.#nextMs = performance.now()
    paused?.end()
  }

  /** Ends the traffic; resolves once every request is answered or given up. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.resume()
    await this.#lanes
  }

  /** Ends the traffic without waiting for answers. */
  async abort(): Promise<void> {
    this.#stopped = true
    for (const controller of this.#underWay) controller.abort()
    await this.stop()
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
    return new TallymeshClient({ urls, timeoutMs, deadlineMs: REQUEST_DEADLINE_MS })
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
    const counted = await this.#count(client, countersOf(nextAsk(this.options.random)))
    this.#asking--
    if (!counted && !this.#stopped) await sleep(FAILURE_PAUSE_MS)
  }

  /** Waits for the customer's turn, so that all together keep to the rate. */
  async #turn(): Promise<void> {
    const nowMs = performance.now()
    const turnMs = Math.max(this.#nextMs, nowMs)
    this.#nextMs = turnMs + 1_000 / this.options.ratePerSecondMax
    if (turnMs > nowMs) await sleep(turnMs - nowMs)
  }

  /** Adds one to each counter, all in one commit. @returns whether that was acknowledged */
  async #count(client: TallymeshClient, keys: readonly string[]): Promise<boolean> {
    const { ledger, replicas } = this.options
    const controller = new AbortController()
    this.#underWay.add(controller)
    const startMs = performance.now()
    let oneDisk: string | undefined
    try {
      const { signal } = controller
      await client.addAll(
        keys.map(key => ({ key, add: 1 })),
        { replicas, signal },
      )
    } catch (error) {
      if (!(error instanceof TallymeshClientError)) throw error
      // It is counted for certain, on the disk of the node that says so.
      oneDisk = error.counted === true ? error.node : undefined
      if (oneDisk === undefined) {
        this.#note(error, keys)
        return false
      }
    } finally {
      this.#underWay.delete(controller)
    }
    this.latenciesMs.push(performance.now() - startMs)
    ledger.acknowledge(keys, oneDisk)
    return true
  }

  #note(error: TallymeshClientError, keys: readonly string[]): void {
    const { code, counted, status, message: text } = error
    this.lastFailure = { atMs: performance.now(), text }
    const why = `${code} (${status === undefined ? 'no answer' : `status ${status}`})`
    this.failures.set(why, (this.failures.get(why) ?? 0) + 1)
    if (counted !== false) this.options.ledger.doubt(keys)
  }
}
