import type { Operation } from './operation.js'

/** The operations that count beside the slots, in the order in which they began to. */
export class OpenOperations {
  /** With some that do not count any more: taking each out when it settles would cost more than all the rest. */
  #operations: Operation[] = []
  /** Those before this place do not count any more. */
  #first = 0
  size = 0

  /** This one counts from `nowMs` on. */
  add(operation: Operation, nowMs: number): void {
    operation.openSinceMs = Math.trunc(nowMs)
    this.#operations.push(operation)
    this.size++
  }

  /** One that was added counts no longer. */
  close(): void {
    this.size--
    if (this.size > 0 && this.#operations.length <= 2 * this.size + 1_024) return
    this.#operations = this.size === 0 ? [] : this.#counted()
    this.#first = 0
  }

  /** When the oldest began to count; undefined where none does. */
  get sinceMs(): number | undefined {
    // One that counts again is added anew.
    while (this.#operations[this.#first]?.counted === false) this.#first++
    return this.#operations[this.#first]?.openSinceMs
  }

  /** O(what is open) */
  all(): readonly Operation[] {
    return this.#counted()
  }

  /** One that began to count again is in it twice. */
  #counted(): Operation[] {
    return [...new Set(this.#operations.filter(({ counted }) => counted))]
  }
}
