import { xorshift } from './order.js'

const TICK_MS = 1

/** Calls `count` so many times a second, spread evenly as far as timers allow, with numbers below `keys` at random. */
export class SteadyLoad {
  #counted = 0
  readonly #startMs = performance.now()
  readonly #timer: NodeJS.Timeout

  constructor(perSecond: number, keys: number, count: (key: number) => void) {
    const next = xorshift(23)
    this.#timer = setInterval(() => {
      const due = ((performance.now() - this.#startMs) * perSecond) / 1000
      for (; this.#counted < due; this.#counted++) count(next() % keys)
    }, TICK_MS)
  }

  /** How many calls were made. */
  stop(): number {
    clearInterval(this.#timer)
    return this.#counted
  }
}
