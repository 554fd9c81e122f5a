const NONE: readonly number[] = []

/** Key ids whose values changed, each once, in the order in which they did. */
export class ChangedKeys {
  #ids: number[] = []
  /** By key id, whether it stands in the list. */
  #marked = new Uint8Array(8)

  add(id: number): void {
    if (id >= this.#marked.length) this.#lengthen(id)
    if (this.#marked[id] === 1) return
    this.#marked[id] = 1
    this.#ids.push(id)
  }

  /** Those since the last call. */
  take(): readonly number[] {
    if (this.#ids.length === 0) return NONE
    const ids = this.#ids
    for (const id of ids) this.#marked[id] = 0
    this.#ids = []
    return ids
  }

  #lengthen(id: number): void {
    const longer = new Uint8Array(Math.max(2 * this.#marked.length, id + 1))
    longer.set(this.#marked)
    this.#marked = longer
  }
}
