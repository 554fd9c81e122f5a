/** Who wants to know of changes of a counter, by the counter's key. */
export class Watchers {
  readonly #watchers = new Map<string, Set<() => void>>()
  #closed = false

  /** Calls the watchers of a key. */
  changed(key: string): void {
    for (const wake of this.#watchers.get(key) ?? []) wake()
  }

  /** Whether anybody watches anything. */
  get idle(): boolean {
    return this.#watchers.size === 0
  }

  close(): void {
    this.#closed = true
    for (const watchers of this.#watchers.values()) for (const wake of watchers) wake()
  }

  /** The values of `read`, at once and after changes of `key`, each time the newest; slow readers skip what lies between.
   *  Ends when the node closes, or with the loop that reads it. */
  async *watch(key: string, read: () => number): AsyncGenerator<number, void, undefined> {
    let wake: (() => void) | undefined
    let moved = false
    const notify = () => {
      moved = true
      wake?.()
    }
    const watchers = this.#watchers.get(key) ?? new Set()
    this.#watchers.set(key, watchers.add(notify))
    try {
      let last: number | undefined
      while (!this.#closed) {
        moved = false
        const value = read()
        if (value !== last) yield (last = value)
        if (moved || this.#closed) continue
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    } finally {
      watchers.delete(notify)
      if (watchers.size === 0) this.#watchers.delete(key)
    }
  }
}
