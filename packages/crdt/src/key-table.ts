import type { CounterKey } from './counter-key.js'
import { lowerBound, merged, upperBound } from './key-order.js'

/** Keys, each with a small integer that stays: what the hot paths use in place of the text. */
export class KeyTable {
  readonly #ids = new Map<CounterKey, number>()
  readonly #keys: CounterKey[] = []
  /** The id of the key that was found last. */
  #last = 0
  /** The keys in order; those that came since it was last asked for are missing. */
  #sorted: readonly CounterKey[] = []

  get size(): number {
    return this.#keys.length
  }

  /** By id. */
  get all(): readonly CounterKey[] {
    return this.#keys
  }

  /** The id of `key`; a new one where it has none. */
  add(key: CounterKey): number {
    const known = this.idOf(key)
    if (known !== undefined) return known
    this.#last = this.#keys.length
    this.#ids.set(key, this.#last)
    this.#keys.push(key)
    return this.#last
  }

  /** The id of a key that has one. Who takes an entry in asks several times for its key. */
  idOf(key: CounterKey): number | undefined {
    return this.#keys[this.#last] === key ? this.#last : this.#look(key)
  }

  /** The shared text of a key. */
  find(text: string): CounterKey | undefined {
    const id = this.#look(text)
    return id === undefined ? undefined : this.#keys[id]
  }

  /** Logs name keys in much the same order: the one behind the last need not be looked up. */
  #look(text: string): number | undefined {
    const next = this.#last + 1
    const id = this.#keys[next] === text ? next : this.#ids.get(text as CounterKey)
    if (id !== undefined) this.#last = id
    return id
  }

  /** See `Table.keys`. */
  inOrder(prefix: string): readonly CounterKey[] {
    const sorted = this.#inOrder()
    return prefix === '' ? sorted : sorted.slice(lowerBound(sorted, prefix), upperBound(sorted, prefix))
  }

  /** See `Table.keysBehind`. */
  *behind(after: string, prefix: string): IterableIterator<CounterKey> {
    const sorted = this.#inOrder()
    let at = lowerBound(sorted, after > prefix ? after : prefix)
    if (sorted[at] === after) at++
    for (; at < sorted.length; at++) {
      const key = sorted[at] as CounterKey
      if (!key.startsWith(prefix)) return
      yield key
    }
  }

  /** How many keys start with `prefix`. */
  count(prefix: string): number {
    if (prefix === '') return this.size
    const sorted = this.#inOrder()
    return upperBound(sorted, prefix) - lowerBound(sorted, prefix)
  }

  /** An array of its own for each new key: whoever still walks an older one is not disturbed. */
  #inOrder(): readonly CounterKey[] {
    if (this.#sorted.length < this.#keys.length) {
      this.#sorted = merged(this.#sorted, this.#keys.slice(this.#sorted.length).sort())
    }
    return this.#sorted
  }
}
