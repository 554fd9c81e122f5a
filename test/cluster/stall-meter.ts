/** How long an event loop did not turn. */
export interface Stall {
  /** The longest gap between two turns of a timer of 1 ms. On a busy machine most of it is the machine's. */
  readonly gapMs: number
  /** The most CPU time that the process used within one gap: what the gap was by its own work. */
  readonly ownMs: number
}

/** Watches the event loop of its process. A gap in which the process used no CPU is the scheduler's doing, not its own,
 *  so a gap counts for no more than the CPU time spent in it (that of all threads, which is never too little). */
export class StallMeter {
  #gapMs = 0
  #ownMs = 0
  #timer: NodeJS.Timeout | undefined

  /** What was seen since the last call. The first call starts the watch. */
  take(): Stall {
    const seen = { gapMs: this.#gapMs, ownMs: this.#ownMs }
    this.#gapMs = 0
    this.#ownMs = 0
    if (!this.#timer) this.#watch()
    return seen
  }

  #watch(): void {
    let lastMs = performance.now()
    let lastCpu = process.cpuUsage()
    this.#timer = setInterval(() => {
      const nowMs = performance.now()
      const spent = process.cpuUsage(lastCpu)
      const gapMs = nowMs - lastMs
      this.#gapMs = Math.max(this.#gapMs, gapMs)
      this.#ownMs = Math.max(this.#ownMs, Math.min(gapMs, (spent.user + spent.system) / 1000))
      lastMs = nowMs
      lastCpu = process.cpuUsage()
    }, 1)
  }
}
