import type { Operation } from './operation.js'

/** So many that ended are kept among those that did not, however few these are. */
const SPARE_MIN = 512

/** The operations that one log carries, in the order in which it began to. Most end in that order, too. */
export class CarriedOperations {
  #operations: Operation[] = []
  /** Those before this place are not carried any more. */
  #first = 0
  /** Those behind it that are not. */
  readonly #ended = new Set<Operation>()

  get size(): number {
    return this.#operations.length - this.#first - this.#ended.size
  }

  /** @param operation one that is not in it */
  add(operation: Operation): void {
    if (this.#ended.has(operation)) this.#compact()
    this.#operations.push(operation)
  }

  /** @param operation one that is in it */
  delete(operation: Operation): void {
    if (this.#operations[this.#first] === operation) this.#first++
    else this.#ended.add(operation)
    const gone = this.#first + this.#ended.size
    if (gone === this.#operations.length || gone > SPARE_MIN + this.#operations.length / 2) this.#compact()
  }

  /** In their order. None may be added or deleted meanwhile. */
  *[Symbol.iterator](): IterableIterator<Operation> {
    for (let at = this.#first; at < this.#operations.length; at++) {
      const operation = this.#operations[at] as Operation
      if (this.#ended.size === 0 || !this.#ended.has(operation)) yield operation
    }
  }

  #compact(): void {
    this.#operations = this.size === 0 ? [] : [...this]
    this.#first = 0
    this.#ended.clear()
  }
}
