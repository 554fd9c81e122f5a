import type { Host } from './host.js'

const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000

/** When a disk that failed is reopened: at once the first time, then ever more rarely until a write succeeds. */
export class Recovery {
  /** Failures since a write last succeeded. */
  #failures = 0
  #retryMs = RETRY_MIN_MS
  #cancelRetry = () => {}
  #closed = false

  /** @param reopen answers whether there is no need to try again; never throws */
  constructor(
    readonly reopen: () => Promise<boolean>,
    readonly host: Host,
  ) {}

  /** A write failed. A disk that opens well and fails at the next write is asked ever more rarely, too. */
  async failed(): Promise<void> {
    if (this.#failures++ === 0) await this.#attempt()
    else this.#later()
  }

  succeeded(): void {
    this.#failures = 0
    this.#retryMs = RETRY_MIN_MS
  }

  close(): void {
    this.#closed = true
    this.#cancelRetry()
  }

  async #attempt(): Promise<void> {
    if (!(await this.reopen())) this.#later()
  }

  #later(): void {
    if (this.#closed) return
    this.#cancelRetry = this.host.after(this.#retryMs, () => void this.#attempt())
    this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2)
  }
}
