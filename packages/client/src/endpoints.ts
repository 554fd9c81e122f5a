import { refuse } from './client-error.js'

const SUSPECT_MS = 5_000
const URLS_MAX = 64

/** A server's address, with what is known of it. */
export interface Endpoint {
  /** Without a slash at its end. */
  readonly url: string
}

interface State extends Endpoint {
  /** Undefined while it is not suspect. */
  failedAtMs: number | undefined
  /** It asked not to be asked again before. */
  heldUntilMs: number
}

/** Which server is asked. Stays with one that works; a server that failed is suspect for five seconds and asked only if no other is left. */
export class Endpoints {
  readonly #states: readonly State[]
  readonly #nowMs: () => number
  #current = 0

  /** @param nowMs a clock that never goes back
   *  @throws TallymeshClientError INVALID_URL */
  constructor(urls: readonly string[], nowMs: () => number) {
    if (!Array.isArray(urls) || urls.length === 0 || urls.length > URLS_MAX) {
      throw refuse('INVALID_URL', `urls must list 1 to ${URLS_MAX} addresses, such as ["http://127.0.0.1:7001"]`)
    }
    this.#states = urls.map(url => ({ url: checkUrl(url), failedAtMs: undefined, heldUntilMs: 0 }))
    this.#nowMs = nowMs
  }

  /** The server to ask next, and how long to wait before that.
   *  @param tried those that this call asked in vain, the last one last; a call asks every other one first */
  pick(tried: readonly Endpoint[]): { readonly endpoint: Endpoint; readonly waitMs: number } {
    const nowMs = this.#nowMs()
    const last = tried.at(-1)
    const start = last === undefined ? this.#current : this.#states.indexOf(last as State) + 1
    const ring = this.#states.map((_, i) => this.#states[(start + i) % this.#states.length] as State)
    const round = tried.slice(tried.length - (tried.length % ring.length))
    const cost = (state: State): number =>
      4 * Number(state.heldUntilMs > nowMs) + 2 * Number(round.includes(state)) + Number(this.#suspect(state, nowMs))
    // Among equals the first in the ring; where all are on hold, the one that may be asked first.
    const best = ring.reduce((a, b) => {
      const difference = cost(a) - cost(b)
      if (difference === 0 && a.heldUntilMs > nowMs) return b.heldUntilMs < a.heldUntilMs ? b : a
      return difference <= 0 ? a : b
    })
    return { endpoint: best, waitMs: Math.max(0, best.heldUntilMs - nowMs) }
  }

  #suspect({ failedAtMs }: State, nowMs: number): boolean {
    return failedAtMs !== undefined && nowMs - failedAtMs < SUSPECT_MS
  }

  worked(endpoint: Endpoint): void {
    const state = endpoint as State
    state.failedAtMs = undefined
    const nowMs = this.#nowMs()
    const current = this.#states[this.#current] as State
    if (this.#suspect(current, nowMs) || current.heldUntilMs > nowMs) this.#current = this.#states.indexOf(state)
  }

  failed(endpoint: Endpoint): void {
    ;(endpoint as State).failedAtMs = this.#nowMs()
  }

  /** The server asked to be left alone for so long. */
  hold(endpoint: Endpoint, ms: number): void {
    const state = endpoint as State
    state.heldUntilMs = Math.max(state.heldUntilMs, this.#nowMs() + ms)
  }
}

function checkUrl(text: unknown): string {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  // The text is not repeated: it may hold a password.
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw refuse('INVALID_URL', 'an address in urls is not of the form http://host:port or https://host:port')
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw refuse('INVALID_URL', `the address of ${url.host} in urls must have no user, password, query or fragment`)
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}
