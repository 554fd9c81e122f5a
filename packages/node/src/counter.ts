import { type CounterKey, checkAmount } from '@tallymesh/crdt'
import type { Cell } from '@tallymesh/replica'
import { type AddOptions, checkAddOptions } from './add-options.js'
import type { Engine } from './engine.js'

/** One counter of the room, as this node counts it. Cheap to keep; asking the node for the same name again answers the same
 *  counts. */
export class Counter {
  readonly #engine: Engine
  readonly #cell: Cell

  /** @internal Use `node.counter`. */
  constructor(engine: Engine, cell: Cell) {
    this.#engine = engine
    this.#cell = cell
  }

  /** The counter's canonical key: `name` or `name{label="value"}`. */
  get key(): CounterKey {
    return this.#cell.key
  }

  /** Counts `amount` now, in memory: O(1), and no allocation unless options are given. The promise resolves once it is durable
   *  on this disk, and confirmed by as many stores as `replicas` asks for. Nobody has to await it: then it is written, and other
   *  nodes learn of it, with the next count that somebody awaits, or after 20 ms.
   *  @param amount integer from 1 to 2^53 − 1; default 1
   *  @throws TallymeshError (as a rejection) INVALID_AMOUNT, COUNTER_OVERFLOW, NOT_READY, NODE_CLOSED: nothing was counted.
   *    INDETERMINATE: the disk failed; it may or may not have been counted. NOT_REPLICATED: it is counted and durable here, but
   *    not confirmed in time by enough stores; do not retry. With an `operation`, any failure may be tried again with the same
   *    id, and: INVALID_OPERATION, OPERATION_MISMATCH, OPERATION_EXPIRED, OPERATIONS_FULL, OPERATIONS_UNAVAILABLE: nothing was
   *    counted now */
  increment(amount = 1, options?: AddOptions): Promise<void> {
    const engine = this.#engine
    if (options !== undefined || engine.refusal !== undefined || !isAmount(amount)) {
      const refused = this.#check(amount, options)
      if (refused) return engine.refuse(refused)
      if (options?.operation !== undefined) return this.#operate(amount, options)
    }
    try {
      engine.commits.increment(this.#cell, amount)
    } catch (error) {
      return engine.refuse(error)
    }
    return options === undefined ? engine.counted() : engine.follow(options)
  }

  /** Counts `amount` down. As `increment` in everything else. */
  decrement(amount = 1, options?: AddOptions): Promise<void> {
    const engine = this.#engine
    if (options !== undefined || engine.refusal !== undefined || !isAmount(amount)) {
      const refused = this.#check(amount, options)
      if (refused) return engine.refuse(refused)
      if (options?.operation !== undefined) return this.#operate(-amount, options)
    }
    try {
      engine.commits.decrement(this.#cell, amount)
    } catch (error) {
      return engine.refuse(error)
    }
    return options === undefined ? engine.counted() : engine.follow(options)
  }

  /** The room's total as this node knows it, with what is not durable yet. O(1).
   *  @throws TallymeshError VALUE_UNSAFE where no number holds it exactly: then read `valueBigInt` */
  get value(): number {
    return this.#engine.value(this.#cell)
  }

  /** The total, exact at any size. */
  get valueBigInt(): bigint {
    const { increments, decrements } = this.#engine.totals(this.#cell)
    return increments - decrements
  }

  /** All increments and all decrements, exact. Their difference is the value. */
  get totals(): { increments: bigint; decrements: bigint } {
    return this.#engine.totals(this.#cell)
  }

  /** The value now, and then again whenever it changes; slow readers get the newest and skip what lies between. Ends with
   *  the node. */
  watch(): AsyncGenerator<number, void, undefined> {
    return this.#engine.watchers.watch(this.key, () => this.value)
  }

  #operate(add: number, options: AddOptions): Promise<void> {
    return this.#engine.operate(options.operation, [{ key: this.key, add }], options)
  }

  /** Why this may not be counted; undefined where it may. */
  #check(amount: unknown, options: AddOptions | undefined): unknown {
    try {
      checkAmount(amount)
      if (options !== undefined) checkAddOptions(options)
      return this.#engine.refusal
    } catch (error) {
      return error
    }
  }
}

function isAmount(amount: unknown): boolean {
  return typeof amount === 'number' && Number.isSafeInteger(amount) && amount > 0
}
