import type { Host } from './host.js'

/** How long something lasts by a clock that may be set: where it is set back, no time passes, rather than less than none. */
export class Elapsed {
  #atMs: number
  #ms = 0

  constructor(readonly host: Pick<Host, 'nowMs'>) {
    this.#atMs = host.nowMs()
  }

  /** Since it was made, in ms: never falls. To be asked now and then, as what is asked rarely misses what lay between. */
  get ms(): number {
    const nowMs = this.host.nowMs()
    this.#ms += Math.max(0, nowMs - this.#atMs)
    this.#atMs = nowMs
    return this.#ms
  }
}
