import type { CounterKey } from './counter-key.js'
import type { PackedTexts } from './packed-texts.js'

/** Keys in the order of their UTF-16 units. New ones are merged into it when it is asked for: O(keys) then. */
export class KeyOrder {
  /** The ids in order; those that came since it was last asked for are missing. An array of its own for each new key: whoever still walks an
   *  older one is not disturbed. */
  #sorted: Int32Array = new Int32Array(0)

  constructor(readonly texts: PackedTexts) {}

  /** See `Table.keys`. */
  withPrefix(prefix: string): CounterKey[] {
    const { ids, from, to } = this.#range(prefix)
    return Array.from(ids.subarray(from, to), id => this.#key(id))
  }

  /** See `Table.keysBehind`. */
  *behind(after: string, prefix: string): IterableIterator<CounterKey> {
    const ids = this.#ids()
    const start = after > prefix ? after : prefix
    for (let at = this.#firstWhere(ids, key => key >= start); at < ids.length; at++) {
      const key = this.#key(ids[at] as number)
      if (!key.startsWith(prefix)) return
      if (key !== after) yield key
    }
  }

  /** How many keys start with `prefix`. */
  count(prefix: string): number {
    const { from, to } = this.#range(prefix)
    return to - from
  }

  #range(prefix: string): { ids: Int32Array; from: number; to: number } {
    const ids = this.#ids()
    if (prefix === '') return { ids, from: 0, to: ids.length }
    const from = this.#firstWhere(ids, key => key >= prefix)
    const to = this.#firstWhere(ids, key => key > prefix && !key.startsWith(prefix))
    return { ids, from, to }
  }

  #key(id: number): CounterKey {
    return this.texts.text(id) as CounterKey
  }

  /** The first place from which on `holds`, which holds for a tail of the keys. */
  #firstWhere(ids: Int32Array, holds: (key: CounterKey) => boolean): number {
    let from = 0
    let to = ids.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if (holds(this.#key(ids[middle] as number))) to = middle
      else from = middle + 1
    }
    return from
  }

  #ids(): Int32Array {
    const { texts } = this
    const from = this.#sorted.length
    if (from < texts.size) {
      this.#sorted = merged(this.#sorted, texts.sorted(from, texts.size), texts)
    }
    return this.#sorted
  }
}

/** Two orders without a key in both, as one. */
function merged(a: Int32Array, b: Int32Array, texts: PackedTexts): Int32Array {
  if (a.length === 0) return b
  const both = new Int32Array(a.length + b.length)
  const textAt = (ids: Int32Array, at: number) => (at < ids.length ? texts.text(ids[at] as number) : undefined)
  let [atA, atB] = [0, 0]
  let [textA, textB] = [textAt(a, 0), textAt(b, 0)]
  for (let at = 0; at < both.length; at++) {
    if (textB === undefined || (textA !== undefined && textA < textB)) {
      both[at] = a[atA] as number
      textA = textAt(a, ++atA)
    } else {
      both[at] = b[atB] as number
      textB = textAt(b, ++atB)
    }
  }
  return both
}
