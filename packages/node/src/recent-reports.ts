/** A report is repeated after this long. */
const REPEAT_MS = 600_000
const REPORTS_MAX = 256

/** Remembers what was reported, so that a trouble that stays is not told again at every retry. */
export class RecentReports {
  /** When each was told last, the longest ago first. */
  readonly #told = new Map<string, number>()

  /** Whether `text` was not told in the last ten minutes; it counts as told then.
   *  @param nowMs a monotonic time */
  isNew(text: string, nowMs: number): boolean {
    const toldMs = this.#told.get(text)
    if (toldMs !== undefined && nowMs - toldMs < REPEAT_MS) return false
    this.#told.delete(text)
    this.#told.set(text, nowMs)
    if (this.#told.size > REPORTS_MAX) this.#told.delete(this.#told.keys().next().value as string)
    return true
  }
}
