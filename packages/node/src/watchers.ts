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

  /** Any value may have changed. */
  wake(): void {
    for (const watchers of this.#watchers.values()) for (const wake of watchers) wake()
  }

  close(): void {
    this.#closed = true
    this.wake()
  }

  /** The values of `read`, at once and after changes of `key`, each time the newest; slow readers skip what lies between.
   *  Ends when the node closes, with the loop that reads it, or by `return`, also while a value is waited for. */
  watch<Value>(key: string, read: () => Value): AsyncGenerator<Value, void, undefined> {
    const reader = { ended: false, moved: false, wake: () => {} }
    const values = this.#values(key, read, reader)
    const end = values.return.bind(values)
    // A generator's own return waits for the value that is under way, which may never come.
    values.return = result => {
      reader.ended = true
      reader.wake()
      return end(result)
    }
    return values
  }

  async *#values<Value>(key: string, read: () => Value, reader: Reader): AsyncGenerator<Value, void, undefined> {
    const notify = () => {
      reader.moved = true
      reader.wake()
    }
    const watchers = this.#watchers.get(key) ?? new Set()
    this.#watchers.set(key, watchers.add(notify))
    try {
      let last: Value | undefined
      while (!this.#closed && !reader.ended) {
        reader.moved = false
        const value = read()
        if (value !== last) yield (last = value)
        if (reader.moved || reader.ended || this.#closed) continue
        await new Promise<void>(resolve => {
          reader.wake = resolve
        })
      }
    } finally {
      watchers.delete(notify)
      if (watchers.size === 0) this.#watchers.delete(key)
    }
  }
}

/** One loop that reads a counter's values. */
interface Reader {
  ended: boolean
  /** The value changed since it was last read. */
  moved: boolean
  wake: () => void
}
