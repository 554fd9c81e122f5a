/** What was asked for on one key, as the callers know it. */
interface Entry {
  acknowledged: number
  indeterminate: number
}

/** A call that ended with an error. */
export interface Failure {
  readonly key: string
  readonly atMs: number
  readonly code: string
  readonly counted: unknown
  readonly message: string
}

/** What callers were told about their adds: the lower and the upper bound of every total. */
export class Ledger {
  readonly #entries = new Map<string, Entry>()
  /** Calls that were not counted, although the client had its own failover. */
  readonly failed: Failure[] = []
  readonly indeterminate: Failure[] = []
  acknowledged = 0
  /** When the last add was acknowledged, and the longest that nobody's was, since `rest`. */
  lastMs = performance.now()
  gapMs = 0

  /** Begins a search for the longest gap between two acknowledgements. */
  rest(): void {
    this.lastMs = performance.now()
    this.gapMs = 0
  }

  /** Notes how an add of 1 ended. Never rejects. */
  async note(key: string, add: Promise<unknown>): Promise<boolean> {
    const entry = this.#entries.get(key) ?? { acknowledged: 0, indeterminate: 0 }
    this.#entries.set(key, entry)
    try {
      await add
      entry.acknowledged++
      this.acknowledged++
      const nowMs = performance.now()
      this.gapMs = Math.max(this.gapMs, nowMs - this.lastMs)
      this.lastMs = nowMs
      return true
    } catch (error) {
      const { code = '', counted, message } = error as Error & { code?: string; counted?: unknown }
      const failure = { key, atMs: performance.now(), code, counted, message }
      if (counted === false) this.failed.push(failure)
      else {
        entry.indeterminate++
        this.indeterminate.push(failure)
      }
      return false
    }
  }

  get keys(): string[] {
    return [...this.#entries.keys()]
  }

  /** What the callers were acknowledged on a key. */
  acknowledgedOf(key: string): number {
    return this.#entries.get(key)?.acknowledged ?? 0
  }

  /** What contradicts the ledger in a value; undefined where nothing does. */
  contradiction(key: string, value: number): string | undefined {
    const { acknowledged, indeterminate } = this.#entries.get(key) ?? { acknowledged: 0, indeterminate: 0 }
    if (value >= acknowledged && value <= acknowledged + indeterminate) return undefined
    return `${key} is ${value}, not ${acknowledged} to ${acknowledged + indeterminate}`
  }

  /** The first few failures in words. */
  static tell(failures: readonly Failure[]): string {
    return failures
      .slice(0, 5)
      .map(({ code, counted, message, key }) => `${key}: ${code} (${counted}): ${message}`)
      .join('\n')
  }
}
