import { TallymeshClientError } from './client-error.js'
import type { Endpoint, Endpoints } from './endpoints.js'
import { delay } from './leash.js'
import type { Ask } from './outcome.js'
import { aborted, type Wire } from './wire.js'

/** Times of all calls, in milliseconds. */
export interface Pace {
  /** Of one attempt, until the answer's last byte. */
  readonly timeoutMs: number
  /** Of one call, over all its attempts. */
  readonly deadlineMs: number
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
}

/** Makes a call of attempts: repeats what was certainly not counted, elsewhere, until the deadline; and nothing else. */
export class Caller {
  readonly #wire: Wire
  readonly #endpoints: Endpoints
  readonly #pace: Pace
  readonly #random: () => number

  /** @param random uniform in [0, 1) */
  constructor(wire: Wire, endpoints: Endpoints, pace: Pace, random: () => number) {
    this.#wire = wire
    this.#endpoints = endpoints
    this.#pace = pace
    this.#random = random
  }

  /** @throws TallymeshClientError */
  async call<T>(ask: Ask<T>, signals: ReadonlyArray<AbortSignal | undefined>): Promise<T> {
    const deadlineAtMs = performance.now() + this.#pace.deadlineMs
    const tried: Endpoint[] = []
    let waitMs = 0
    let last: TallymeshClientError | undefined
    for (;;) {
      const next = this.#endpoints.pick(tried)
      waitMs = Math.max(waitMs, next.waitMs)
      const leftMs = deadlineAtMs - performance.now() - waitMs
      if (last !== undefined && leftMs < this.#leastMs) throw this.#givenUp(ask, tried.length, last)
      if (last === undefined && leftMs <= 0) throw this.#givenUp(ask, 0, held(next.endpoint))
      if (waitMs > 0) await delay(waitMs, signals)
      const stop = signals.find(signal => signal?.aborted)
      if (stop) throw aborted(stop.reason)
      tried.push(next.endpoint)
      const outcome = await this.#wire.send(ask, next.endpoint, Math.min(this.#pace.timeoutMs, leftMs), signals)
      if (outcome.kind === 'answer') {
        this.#endpoints.worked(next.endpoint)
        return outcome.value
      }
      if (outcome.suspect) this.#endpoints.failed(next.endpoint)
      if (outcome.kind === 'final') throw outcome.error
      if (outcome.holdMs !== undefined) this.#endpoints.hold(next.endpoint, outcome.holdMs)
      last = outcome.error
      waitMs = this.backoffMs(tried.length)
    }
  }

  /** How long to wait before the attempt after the `failures`-th failure: doubled each time, and at least half of it at random. */
  backoffMs(failures: number): number {
    const { backoffMinMs, backoffMaxMs } = this.#pace
    const fullMs = Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(failures - 1, 30))
    return fullMs * (0.5 + 0.5 * this.#random())
  }

  /** An attempt that has no time for its answer would turn what is certainly not counted into what may be counted. */
  get #leastMs(): number {
    return Math.min(this.#pace.timeoutMs, this.#pace.deadlineMs / 10)
  }

  #givenUp<T>(ask: Ask<T>, attempts: number, last: TallymeshClientError): TallymeshClientError {
    const { url, status, node } = last
    const what = ask.body === undefined ? 'no server answered' : 'no server could count it, and nothing was counted,'
    const message = `${what} within ${this.#pace.deadlineMs} ms (${attempts} attempts); the last: ${last.message}`
    // A reader that is told so may read again without asking for its own counts.
    const code = last.code === 'NOT_CAUGHT_UP' ? last.code : 'UNREACHABLE'
    return new TallymeshClientError(code, message, {
      cause: last,
      node,
      ...(url === undefined ? {} : { url }),
      ...(status === undefined ? {} : { status }),
    })
  }
}

function held({ url }: Endpoint): TallymeshClientError {
  return new TallymeshClientError('UNREACHABLE', `${url} asked to be left alone for longer`, { url })
}
