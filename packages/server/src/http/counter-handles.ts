import type { Counter, TallymeshNode } from 'tallymesh'
import { jsonNumber } from './json-number.js'

const HANDLES_MAX = 10_000

/** A counter that was counted over HTTP, with what never changes in the answers about it. */
export class CounterHandle {
  readonly #head: string

  constructor(readonly counter: Counter) {
    this.#head = `{"key":${JSON.stringify(counter.key)},"value":`
  }

  /** `{"key","value"}` */
  json(): string {
    return `${this.#head}${jsonNumber(exactValue(this.counter))}}`
  }
}

/** Counters by the text that a request names them with: most requests name one that was named before. */
export class CounterHandles {
  readonly #handles = new Map<string, CounterHandle>()

  /** @throws TallymeshError INVALID_NAME */
  of(node: TallymeshNode, key: string): CounterHandle {
    const known = this.#handles.get(key)
    if (known) return known
    const handle = new CounterHandle(node.counterByKey(key))
    if (this.#handles.size >= HANDLES_MAX) this.#handles.clear()
    this.#handles.set(key, handle)
    return handle
  }
}

function exactValue(counter: Counter): number | bigint {
  try {
    return counter.value
  } catch {
    return counter.valueBigInt
  }
}
