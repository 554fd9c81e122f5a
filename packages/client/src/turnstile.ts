import { Leash } from './leash.js'

/** Lets a number of calls go on at a time; the others wait their turn. */
export class Turnstile {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(callsMax: number) {
    this.#free = callsMax
  }

  /** @throws the reason of the first signal that aborts while it waits; what the call throws */
  async pass<T>(signals: ReadonlyArray<AbortSignal | undefined>, call: () => Promise<T>): Promise<T> {
    await this.#enter(signals)
    try {
      return await call()
    } finally {
      this.#leave()
    }
  }

  async #enter(signals: ReadonlyArray<AbortSignal | undefined>): Promise<void> {
    if (this.#free > 0) return void this.#free--
    const leash = new Leash(signals)
    let enter: () => void = () => {}
    const turn = new Promise<void>(resolve => {
      enter = resolve
    })
    this.#waiting.add(enter)
    try {
      await leash.hold(turn)
    } catch (error) {
      // A turn that came together with the abort goes to the next.
      if (!this.#waiting.delete(enter)) this.#leave()
      throw error
    } finally {
      leash.drop()
    }
  }

  #leave(): void {
    for (const next of this.#waiting) {
      this.#waiting.delete(next)
      return next()
    }
    this.#free++
  }
}
