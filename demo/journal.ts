export interface JournalEntry {
  /** Since the demo began, in ms. */
  readonly atMs: number
  readonly text: string
}

const ENTRIES_MAX = 200

/** What happened, in order, for the view. */
export class Journal {
  readonly #startMs = performance.now()
  readonly #entries: JournalEntry[] = []
  #listener: ((entry: JournalEntry) => void) | undefined

  get nowMs(): number {
    return performance.now() - this.#startMs
  }

  add(text: string): void {
    const entry = { atMs: this.nowMs, text }
    this.#entries.push(entry)
    if (this.#entries.length > ENTRIES_MAX) this.#entries.shift()
    this.#listener?.(entry)
  }

  last(count: number): readonly JournalEntry[] {
    return this.#entries.slice(-count)
  }

  onEntry(listener: (entry: JournalEntry) => void): void {
    this.#listener = listener
  }
}
