import type { CounterKey } from '@tallymesh/crdt'
import { cellTotals } from './cell-value.js'
import type { Engine } from './engine.js'

/** A counter to be read and not counted. Asking for one keeps nothing in memory, so its key may come from anybody. */
export class CounterReader {
  readonly #engine: Engine

  /** @internal Use `node.reader`. */
  constructor(
    engine: Engine,
    /** The counter's canonical key. */
    readonly key: CounterKey,
  ) {
    this.#engine = engine
  }

  /** All increments and all decrements, exact, with what is not durable yet; zeros where it was never counted. O(1). */
  get totals(): { increments: bigint; decrements: bigint } {
    const { table, commits } = this.#engine.replica
    const cell = commits.findCell(this.key)
    if (cell) return cellTotals(table, cell)
    const id = table.findId(this.key)
    return id === undefined ? { increments: 0n, decrements: 0n } : table.totals(id)
  }

  /** The room's total as this node knows it, exact at any size. */
  get value(): bigint {
    const { increments, decrements } = this.totals
    return increments - decrements
  }

  /** The value now, and then again whenever it changes; slow readers get the newest and skip what lies between. Ends with
   *  the node. */
  watch(): AsyncGenerator<bigint, void, undefined> {
    return this.#engine.watchers.watch(this.key, () => this.value)
  }
}

/** Which counters are read. */
export interface ReaderOptions {
  /** Only keys that start so. */
  readonly prefix?: string
  /** Only keys behind this one, in key order. */
  readonly after?: string
}

/** Readers of all counters that were ever counted, in key order, each made when it is asked for. */
export function* readersOf(engine: Engine, { prefix, after = '' }: ReaderOptions): IterableIterator<CounterReader> {
  for (const key of engine.replica.table.keysBehind(after, prefix)) {
    const reader = new CounterReader(engine, key)
    const { increments, decrements } = reader.totals
    if (increments > 0n || decrements > 0n) yield reader
  }
}
