export interface RestartLimits {
  /** So many quick ends within the window, and the node is given up. */
  readonly restartsMax: number
  readonly restartWindowMs: number
  /** Ready for so long, a process was steady: its end is no quick one, and the next start comes soon again. */
  readonly steadyMs: number
}

export const BACKOFF_MIN_MS = 100
export const BACKOFF_MAX_MS = 5_000

/** When a process that ended is started again, and when no longer. Time is handed in, in ms. */
export class RestartPlan {
  readonly #endsMs: number[] = []
  #streak = 0

  /** @param random uniform in [0, 1) */
  constructor(
    readonly limits: RestartLimits,
    readonly random: () => number,
  ) {}

  /** Quick ends within the window. */
  get quickEnds(): number {
    return this.#endsMs.length
  }

  /** Takes an end of the process. @param readyForMs how long it was ready, 0 if never
   *  @returns the wait before the next start, in ms: half to all of 100 ms, doubled with each quick end in a row, up to 5 s;
   *  undefined: give it up */
  ended(readyForMs: number, nowMs: number): number | undefined {
    const { restartsMax, restartWindowMs, steadyMs } = this.limits
    if (readyForMs >= steadyMs) this.#streak = 0
    else this.#endsMs.push(nowMs)
    while ((this.#endsMs[0] ?? nowMs) < nowMs - restartWindowMs) this.#endsMs.shift()
    if (this.#endsMs.length >= restartsMax) return undefined
    const waitMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(this.#streak++, 10))
    return waitMs * (1 + this.random()) * 0.5
  }
}
