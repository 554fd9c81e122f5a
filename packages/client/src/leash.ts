/** Aborts what it is given to after a time, or with another signal. One for each request; let go of by `drop`. */
export class Leash {
  readonly #controller = new AbortController()
  readonly #signals: readonly AbortSignal[]
  #timer: ReturnType<typeof setTimeout> | undefined
  #timedOut = false

  /** @param signals aborts with the first of these that does */
  constructor(signals: ReadonlyArray<AbortSignal | undefined>) {
    this.#signals = signals.filter(signal => signal !== undefined)
    for (const signal of this.#signals) {
      if (signal.aborted) this.#controller.abort(signal.reason)
      else signal.addEventListener('abort', this.#follow)
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Whether it was the time that ended it. */
  get timedOut(): boolean {
    return this.#timedOut
  }

  /** From now on `ms` are left, whatever was left before. */
  allow(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timedOut = !this.signal.aborted
      this.#controller.abort(new Error(`nothing was heard for ${Math.round(ms)} ms`))
    }, ms)
  }

  /** What `promise` answers, or a rejection with the signal's reason once that aborts, should the promise not heed it. */
  async hold<T>(promise: Promise<T>): Promise<T> {
    let give: () => void = () => {}
    const aborted = new Promise<never>((_, reject) => {
      give = () => reject(this.signal.reason)
    })
    if (this.signal.aborted) give()
    this.signal.addEventListener('abort', give)
    try {
      return await Promise.race([promise, aborted])
    } finally {
      this.signal.removeEventListener('abort', give)
    }
  }

  /** Ends what it holds at once. */
  cut(): void {
    this.#controller.abort()
  }

  drop(): void {
    clearTimeout(this.#timer)
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#follow)
  }

  readonly #follow = (event: Event): void => {
    this.#controller.abort((event.target as AbortSignal).reason)
  }
}

/** Waits. Ends early, without an error, once a signal aborts. */
export function delay(ms: number, signals: ReadonlyArray<AbortSignal | undefined>): Promise<void> {
  return new Promise(resolve => {
    const live = signals.filter(signal => signal !== undefined)
    const end = (): void => {
      clearTimeout(timer)
      for (const signal of live) signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    for (const signal of live) signal.addEventListener('abort', end)
    if (live.some(signal => signal.aborted)) end()
  })
}
