/** A slot for the latest of many values: a reader that is slow skips those between. One reader at a time. */
export class Latest<T> {
  #held: { readonly value: T } | undefined
  #end: { readonly error: unknown } | undefined
  #wake: () => void = () => {}

  put(value: T): void {
    this.#held = { value }
    this.#wake()
  }

  /** No more values come. @param error what the reader is to get after the last one; undefined: just the end */
  end(error?: unknown): void {
    this.#end ??= { error }
    this.#wake()
  }

  /** Waits for the next value; undefined at the end. */
  async take(): Promise<{ readonly value: T } | undefined> {
    while (this.#held === undefined && this.#end === undefined) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    const held = this.#held
    this.#held = undefined
    if (held === undefined && this.#end?.error !== undefined) throw this.#end.error
    return held
  }
}
