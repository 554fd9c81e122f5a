const WINDOW = 100
/** Suspicion from which on a peer is not `up`, and is `down`. */
export const PHI_SUSPECT = 5
export const PHI_DOWN = 10

/** Phi accrual failure detection (Hayashibara, Défago, Yared, Katayama: "The φ accrual failure detector", 2004): the longer a
 *  heartbeat is overdue against those seen before, the higher phi; phi = 1 means a wrong suspicion in 10, 8 one in 10^8. */
export class FailureDetector {
  readonly #intervals: number[] = []
  #sum = 0
  #squares = 0
  #lastMs: number
  /** The next heartbeat ends a gap that says nothing about heartbeats. */
  #resumed = true

  /** @param expectedMs the interval that heartbeats are sent at, until enough were seen */
  constructor(
    readonly expectedMs: number,
    nowMs: number,
  ) {
    this.#lastMs = nowMs
    this.#record(expectedMs)
  }

  heartbeat(nowMs: number): void {
    if (!this.#resumed) this.#record(nowMs - this.#lastMs)
    this.#resumed = false
    this.#lastMs = nowMs
  }

  /** Starts afresh after a silence that is explained, such as a reconnection: the gap says nothing about heartbeats. */
  resume(nowMs: number): void {
    this.#resumed = true
    this.#lastMs = nowMs
  }

  /** The suspicion now, from 0 up. The distribution is normal; its tail is the logistic approximation of Bowling et al.
   *  (2009), and its deviation never below a quarter of the expected interval, so that a regular peer is not suspected early. */
  phi(nowMs: number): number {
    const mean = this.#sum / this.#intervals.length
    const variance = Math.max(0, this.#squares / this.#intervals.length - mean * mean)
    const deviation = Math.max(Math.sqrt(variance), this.expectedMs / 4)
    const y = (nowMs - this.#lastMs - mean) / deviation
    const e = Math.exp(-y * (1.5976 + 0.070566 * y * y))
    const tail = y > 0 ? e / (1 + e) : 1 - 1 / (1 + e)
    return tail > 0 ? -Math.log10(tail) : Number.MAX_VALUE
  }

  #record(intervalMs: number): void {
    this.#intervals.push(intervalMs)
    this.#sum += intervalMs
    this.#squares += intervalMs * intervalMs
    if (this.#intervals.length <= WINDOW) return
    const oldest = this.#intervals.shift() as number
    this.#sum -= oldest
    this.#squares -= oldest * oldest
  }
}
