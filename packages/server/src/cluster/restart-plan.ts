import { EXIT } from '../cli/exit-code.js'

export interface RestartLimits {
  /** So many quick ends within the window, and the node is given up. */
  readonly restartsMax: number
  readonly restartWindowMs: number
  /** Ready for so long, a process was steady: its end is no quick one, and the next start comes soon again. */
  readonly steadyMs: number
}

/** Exit codes of `tallymesh start` that another start would only repeat, until somebody repairs what they mean. */
const FUTILE: ReadonlyMap<number | undefined, string> = new Map([
  [EXIT.usage, 'its settings are refused'],
  [EXIT.directory, 'its data directory cannot be used'],
])
/** So many in a row are borne where a process had run before: a killed one may hold the directory for a moment longer. */
const FUTILE_ENDS_MAX = 5

export const BACKOFF_MIN_MS = 100
export const BACKOFF_MAX_MS = 5_000

/** When a process that ended is started again, and when no longer. Time is handed in, in ms. */
export class RestartPlan {
  readonly #endsMs: number[] = []
  #streak = 0
  #futileEnds = 0
  #mayHaveRun = false

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

  /** Takes every end of the process, planned ones included. @param exitCode undefined where a signal ended it
   *  @returns why it must not be started again; undefined where another start may succeed */
  futile(exitCode: number | undefined, wasReady: boolean): string | undefined {
    const reason = wasReady ? undefined : FUTILE.get(exitCode)
    if (reason === undefined) {
      this.#mayHaveRun = true
      this.#futileEnds = 0
      return undefined
    }
    this.#futileEnds++
    return this.#mayHaveRun && this.#futileEnds <= FUTILE_ENDS_MAX ? undefined : `${reason} (exit code ${exitCode})`
  }
}
