import { type CounterValue, counterValue } from './answers.js'
import type { Caller, Pace } from './caller.js'
import { TallymeshClientError } from './client-error.js'
import type { Endpoint, Endpoints } from './endpoints.js'
import { EventParser } from './event-stream.js'
import { Latest } from './latest.js'
import { delay, Leash } from './leash.js'
import { type Ask, judgeAnswer, judgeFailure, type Outcome } from './outcome.js'
import { parseJson } from './problem.js'
import type { Wire } from './wire.js'

/** Three heartbeats of the server, less one. */
const SILENCE_MS = 40_000

/** Follows one counter over the event streams of one server after the other. */
export class Watch {
  readonly #wire: Wire
  readonly #endpoints: Endpoints
  readonly #caller: Caller
  readonly #pace: Pace
  readonly #ask: Ask<CounterValue>
  readonly #latest = new Latest<CounterValue>()
  #seen = false

  constructor(wire: Wire, endpoints: Endpoints, caller: Caller, pace: Pace, path: string, fresh: boolean) {
    this.#wire = wire
    this.#endpoints = endpoints
    this.#caller = caller
    this.#pace = pace
    this.#ask = { method: 'GET', path, decode: counterValue, fresh }
  }

  /** The value at once and whenever it changed since the last one that was taken. Ends when a signal aborts. */
  async *values(signals: ReadonlyArray<AbortSignal | undefined>): AsyncGenerator<CounterValue, void, undefined> {
    const stop = new AbortController()
    const following = this.#follow([...signals, stop.signal]).then(
      () => this.#latest.end(),
      error => this.#latest.end(error),
    )
    try {
      let shown: CounterValue | undefined
      for (let next = await this.#latest.take(); next !== undefined; next = await this.#latest.take()) {
        if (next.value.value === shown?.value) continue
        shown = next.value
        yield shown
      }
    } finally {
      stop.abort()
      await following
    }
  }

  /** Goes from server to server until a signal aborts. Until the first value a failure is final after the deadline, so that a wrong
   *  address is noticed; then it goes on for as long as it takes. */
  async #follow(signals: ReadonlyArray<AbortSignal | undefined>): Promise<void> {
    const aborted = (): boolean => signals.some(signal => signal?.aborted)
    const deadlineAtMs = performance.now() + this.#pace.deadlineMs
    let tried: Endpoint[] = []
    while (!aborted()) {
      const { endpoint, waitMs } = this.#endpoints.pick(tried)
      const pauseMs = Math.max(waitMs, tried.length === 0 ? 0 : this.#caller.backoffMs(tried.length))
      if (pauseMs > 0) await delay(pauseMs, signals)
      if (aborted()) return
      tried.push(endpoint)
      const begunAtMs = performance.now()
      const outcome = await this.#stream(endpoint, signals)
      if (aborted()) return
      if (outcome.kind !== 'again') throw outcome.kind === 'final' ? outcome.error : new Error('a stream has no answer')
      if (outcome.suspect) this.#endpoints.failed(endpoint)
      if (outcome.holdMs !== undefined) this.#endpoints.hold(endpoint, outcome.holdMs)
      if (!this.#seen && performance.now() > deadlineAtMs) {
        const { code, message, url } = outcome.error
        const last = `no server showed the counter within ${this.#pace.deadlineMs} ms; the last: ${message}`
        throw new TallymeshClientError(code === 'NOT_CAUGHT_UP' ? code : 'UNREACHABLE', last, {
          cause: outcome.error,
          ...(url === undefined ? {} : { url }),
        })
      }
      // A stream that stood for long begins the backoff anew; one that fails as soon as it stands does not.
      const stoodMs = performance.now() - begunAtMs
      tried = this.#seen && stoodMs > this.#pace.backoffMaxMs ? [endpoint] : tried.slice(-1_000)
    }
  }

  /** Reads one stream until it ends. Every end of a stream is a reason to go elsewhere. */
  async #stream(endpoint: Endpoint, signals: ReadonlyArray<AbortSignal | undefined>): Promise<Outcome<CounterValue>> {
    const leash = new Leash(signals)
    leash.allow(this.#pace.timeoutMs)
    const { url } = endpoint
    try {
      const opened = await leash.hold(this.#wire.open(this.#ask, endpoint, leash.signal))
      // Whatever is no stream is no answer, however well it reads.
      if (!opened.stream)
        return judgeAnswer<CounterValue>({ ...this.#ask, decode: () => undefined }, url, opened.answer)
      await this.#read(opened.stream, endpoint, leash)
      return judgeFailure(this.#ask, url, new Error('the stream ended'), true)
    } catch (error) {
      if (error instanceof TallymeshClientError) return { kind: 'final', error, suspect: false }
      return judgeFailure(this.#ask, url, error, true)
    } finally {
      leash.cut()
      leash.drop()
    }
  }

  async #read(response: Response, endpoint: Endpoint, leash: Leash): Promise<void> {
    const reader = response.body?.getReader()
    const parser = new EventParser()
    for (;;) {
      const part = await leash.hold(Promise.resolve(reader?.read()))
      if (part === undefined || part.done) return
      for (const { type, data } of parser.push(part.value)) {
        if (type === 'end') return
        const value = type === 'message' ? counterValue(parseJson(data)) : undefined
        if (value === undefined) continue
        this.#seen = true
        this.#endpoints.worked(endpoint)
        this.#latest.put(value)
      }
      if (this.#seen) leash.allow(SILENCE_MS)
    }
  }
}
