import { TallymeshClientError } from './client-error.js'
import type { Endpoint, Endpoints } from './endpoints.js'
import { delay } from './leash.js'
import { ageMs, endedBy } from './operation.js'
import type { Ask } from './outcome.js'
import { aborted, type Wire } from './wire.js'

/** Times of all calls, in milliseconds. */
export interface Pace {
  /** Of one attempt, until the answer's last byte. */
  readonly timeoutMs: number
  /** Of one call, over all its attempts. */
  readonly deadlineMs: number
  /** For how long after its id was made an operation is tried. */
  readonly retryWindowMs: number
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
}

/** Makes a call of attempts, elsewhere each time, until the deadline: repeats what was certainly not counted, and what counts once
 *  however often it is sent; and nothing else. */
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
    const { operation } = ask
    const boundMs = this.#boundMs(ask)
    const deadlineAtMs = performance.now() + boundMs
    const tried: Endpoint[] = []
    let doubt = operation?.again ?? false
    const end = (error: TallymeshClientError) => endedBy(error, operation, doubt)
    let waitMs = 0
    let last: TallymeshClientError | undefined
    for (;;) {
      const next = this.#endpoints.pick(tried)
      waitMs = Math.max(waitMs, next.waitMs)
      const leftMs = deadlineAtMs - performance.now() - waitMs
      if (last !== undefined && leftMs < this.#leastMs) throw end(givenUp(ask, boundMs, tried.length, last, doubt))
      if (last === undefined && leftMs <= 0) throw end(givenUp(ask, boundMs, 0, held(next.endpoint), doubt))
      if (waitMs > 0) await delay(waitMs, signals)
      const stop = signals.find(signal => signal?.aborted)
      if (stop) throw end(aborted(stop.reason))
      tried.push(next.endpoint)
      const outcome = await this.#wire.send(ask, next.endpoint, Math.min(this.#pace.timeoutMs, leftMs), signals)
      if (outcome.kind === 'answer') {
        this.#endpoints.worked(next.endpoint)
        return outcome.value
      }
      if (outcome.suspect) this.#endpoints.failed(next.endpoint)
      if (outcome.kind === 'final') throw end(outcome.error)
      if (outcome.holdMs !== undefined) this.#endpoints.hold(next.endpoint, outcome.holdMs)
      last = outcome.error
      doubt ||= last.counted === 'perhaps'
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

  /** An operation is tried no longer than servers know it for sure; one attempt is made in any case, as they may know it longer. */
  #boundMs({ operation, patient }: Ask<unknown>): number {
    const { deadlineMs, timeoutMs, retryWindowMs } = this.#pace
    if (operation === undefined) return deadlineMs
    const windowMs = Math.max(timeoutMs, retryWindowMs - ageMs(operation))
    return patient ? windowMs : Math.min(deadlineMs, windowMs)
  }
}

// A reader that is told so may read again without asking for its own counts, and an adder without an id.
const KEPT_CODES = new Set(['NOT_CAUGHT_UP', 'OPERATIONS_UNAVAILABLE', 'OPERATIONS_FULL'])

/** @param doubt whether an attempt may have counted */
function givenUp<T>(
  ask: Ask<T>,
  boundMs: number,
  attempts: number,
  last: TallymeshClientError,
  doubt: boolean,
): TallymeshClientError {
  const { url, status, node } = last
  const adding = doubt
    ? 'no server settled it, and it may or may not have been counted,'
    : 'no server could count it, and nothing was counted,'
  const what = ask.body === undefined ? 'no server answered' : adding
  const message = `${what} within ${boundMs} ms (${attempts} attempts); the last: ${last.message}`
  const certain = KEPT_CODES.has(last.code) ? last.code : 'UNREACHABLE'
  return new TallymeshClientError(doubt ? 'INDETERMINATE' : certain, message, {
    cause: last,
    node,
    ...(doubt ? { counted: 'perhaps' } : {}),
    ...(url === undefined ? {} : { url }),
    ...(status === undefined ? {} : { status }),
  })
}

function held({ url }: Endpoint): TallymeshClientError {
  return new TallymeshClientError('UNREACHABLE', `${url} asked to be left alone for longer`, { url })
}
