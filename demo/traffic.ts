import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Ask, nextAsk } from './asks.js'
import type { Balancer } from './balancer.js'
import type { Ledger } from './ledger.js'
import { possibleKeys } from './request-counters.js'
import type { Seeded } from './seeded.js'

export interface TrafficOptions {
  readonly balancer: Balancer
  readonly ledger: Ledger
  readonly random: Seeded
  /** Requests under way at once at most, each on a connection of its own that is kept open. */
  readonly lanes: number
  readonly ratePerSecondMax: number
}

const ANSWER_DEADLINE_MS = 3_000
/** A customer who got no answer waits before asking for something else. */
const FAILURE_PAUSE_MS = 250

type Outcome =
  | { readonly type: 'answered'; readonly keys: readonly string[]; readonly answerer: string; readonly disks: number }
  /** Nothing was counted, for certain: it was not sent, or the application said so. */
  | { readonly type: 'refused'; readonly why: string }
  | { readonly type: 'uncertain'; readonly why: string }

/** Customers: a bounded number of them, at a bounded rate, through the balancer; and the books of what they were told. */
export class Traffic {
  /** Requests that were answered by the application, with how long that took in ms. */
  readonly latenciesMs: number[] = []
  /** What customers saw instead of an answer, by kind. */
  readonly failures = new Map<string, number>()
  readonly answeredBy = new Map<string, number>()
  readonly #agent: Agent
  readonly #underWay = new Map<ClientRequest, number>()
  #lanes: Promise<unknown> = Promise.resolve()
  #stopped = false
  #paused: { readonly over: Promise<void>; readonly end: () => void } | undefined
  #asking = 0
  #nextMs = 0
  #startMs = 0
  #pausedMs = 0

  constructor(readonly options: TrafficOptions) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.lanes })
    options.balancer.onDown(port => this.#breakOff(port))
  }

  start(): void {
    this.#startMs = performance.now()
    this.#lanes = Promise.all(Array.from({ length: this.options.lanes }, () => this.#lane()))
  }

  /** How long customers were let ask, in ms. */
  get flowedMs(): number {
    return performance.now() - this.#startMs - this.#pausedMs
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
    this.#agent.destroy()
  }

  /** Ends the traffic without waiting for answers. */
  async abort(): Promise<void> {
    for (const asked of this.#underWay.keys()) asked.destroy()
    await this.stop()
  }

  async #lane(): Promise<void> {
    while (!this.#stopped) {
      if (this.#paused) await this.#paused.over
      await this.#turn()
      if (this.#stopped || this.#paused) continue
      this.#asking++
      const answered = await this.#ask(nextAsk(this.options.random))
      this.#asking--
      if (!answered) await sleep(FAILURE_PAUSE_MS)
    }
  }

  /** Waits for the lane's turn, so that all lanes together keep to the rate. */
  async #turn(): Promise<void> {
    const nowMs = performance.now()
    const turnMs = Math.max(this.#nextMs, nowMs)
    this.#nextMs = turnMs + 1_000 / this.options.ratePerSecondMax
    if (turnMs > nowMs) await sleep(turnMs - nowMs)
  }

  /** @returns whether the application answered */
  async #ask(ask: Ask): Promise<boolean> {
    const startMs = performance.now()
    const outcome = await this.#tryPorts(ask)
    const { ledger } = this.options
    if (outcome.type === 'answered') {
      const [node = ''] = outcome.answerer.split('/')
      this.latenciesMs.push(performance.now() - startMs)
      this.answeredBy.set(node, (this.answeredBy.get(node) ?? 0) + 1)
      ledger.acknowledge(outcome.keys, outcome.disks < 2 ? outcome.answerer : undefined)
      return true
    }
    this.failures.set(outcome.why, (this.failures.get(outcome.why) ?? 0) + 1)
    if (outcome.type === 'uncertain') ledger.doubt(possibleKeys(ask.route, ask.method, ask.status))
    return false
  }

  async #tryPorts(ask: Ask): Promise<Outcome> {
    let outcome: Outcome = { type: 'refused', why: 'no node to ask' }
    for (const port of this.options.balancer.ports()) {
      outcome = await this.#send(ask, port)
      // Only what was certainly not sent may be sent again, elsewhere.
      if (outcome.type !== 'refused' || outcome.why !== REFUSED_CONNECTION) break
    }
    return outcome
  }

  #send(ask: Ask, port: number): Promise<Outcome> {
    return new Promise(resolve => {
      const { method, path, body } = ask
      const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }
      const asked = request({ host: '127.0.0.1', port, method, path, headers, agent: this.#agent }, response => {
        response.resume()
        response.on('end', () => end(readOutcome(response)))
        response.on('error', () => end({ type: 'uncertain', why: 'connection broken' }))
      })
      const deadline = setTimeout(() => {
        end({ type: 'uncertain', why: 'no answer in time' })
        asked.destroy()
      }, ANSWER_DEADLINE_MS)
      const end = (outcome: Outcome) => {
        clearTimeout(deadline)
        this.#underWay.delete(asked)
        resolve(outcome)
      }
      this.#underWay.set(asked, port)
      asked.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNREFUSED') end({ type: 'refused', why: REFUSED_CONNECTION })
        else end({ type: 'uncertain', why: 'connection broken' })
      })
      asked.end(body)
    })
  }

  #breakOff(port: number): void {
    for (const [asked, to] of this.#underWay) if (to === port) asked.destroy(new Error('the balancer broke off'))
  }
}

const REFUSED_CONNECTION = 'connection refused'

/** The application says what it counted in a header. An answer without it is the balancer's, or of an application that does
 *  not know itself. */
function readOutcome(response: IncomingMessage): Outcome {
  const { 'x-counted': counted, 'x-node': answerer, 'x-disks': disks } = response.headers
  if (typeof counted !== 'string' || typeof answerer !== 'string')
    return { type: 'uncertain', why: `status ${response.statusCode}` }
  const keys = JSON.parse(counted) as string[]
  if (keys.length === 0) return { type: 'refused', why: `status ${response.statusCode}` }
  return { type: 'answered', keys, answerer, disks: Number(disks) }
}
