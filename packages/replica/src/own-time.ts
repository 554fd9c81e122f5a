/** This machine's own time: the sum of the bounded differences between ticks. A clock that jumps moves it by one heartbeat. */
export class OwnTime {
  nowMs = 0
  /** What the outside's clock said last; undefined before the first tick. */
  tickMs: number | undefined
  /** What the clock on the wall said then, ms since 1970; 0 where nobody told. */
  wallMs = 0
  #heartbeatMs = 0
  #comparisonMs = 0

  constructor(
    readonly heartbeatMs: number,
    readonly antiEntropyMs: number,
  ) {}

  /** Time passed. Answers whether the clock jumped or this process stood still. */
  tick(nowMs: number, wallMs = 0): boolean {
    this.wallMs = wallMs
    const passedMs = Math.max(0, nowMs - (this.tickMs ?? nowMs))
    this.tickMs = nowMs
    this.nowMs += Math.min(passedMs, this.heartbeatMs)
    return passedMs > this.heartbeatMs
  }

  /** Whether a heartbeat is due; then it counts as sent. */
  takeHeartbeat(): boolean {
    // A tick that comes a moment early is not to cost half an interval more.
    if (this.nowMs < this.#heartbeatMs - this.heartbeatMs / 8) return false
    this.#heartbeatMs = this.nowMs + this.heartbeatMs
    return true
  }

  /** Whether a comparison of clocks is due; then it counts as made. */
  takeComparison(): boolean {
    if (this.nowMs < this.#comparisonMs) return false
    this.#comparisonMs = this.nowMs + this.antiEntropyMs
    return true
  }
}
