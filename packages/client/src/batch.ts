import type { Addition } from './addition.js'
import type { CounterValue } from './answers.js'

/** What the adds of one key in one batch become. */
interface Cell {
  /** Increments and decrements are totals of their own: +5 and -5 are two entries, not none. */
  plus: number
  minus: number
  readonly settled: Promise<CounterValue>
  readonly resolve: (value: CounterValue) => void
  readonly reject: (error: unknown) => void
}

/** What fits one batch. */
export interface BatchSize {
  readonly max: number
  /** What a key takes of it while nothing is added to it. */
  ofKey(key: string): number
  /** What a sum takes beside that, 0 or more. */
  ofSum(sum: number): number
}

/** By the length of the request's text, sums included. */
export const BODY_SIZE: BatchSize = { max: 256 * 1024, ofKey: key => 2 * key.length + 96, ofSum: () => 0 }

/** Adds that are sent together, summed for each key. */
export class Batch {
  readonly #cells = new Map<string, Cell>()
  readonly #keysMax: number
  readonly #size: BatchSize
  #taken = 0

  constructor(keysMax: number, size: BatchSize) {
    this.#keysMax = keysMax
    this.#size = size
  }

  get keys(): number {
    return this.#cells.size
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.#cells.keys()
  }

  /** Takes an add, or answers undefined where it does not fit: too many keys, or a sum that would be no exact number.
   *  The promise is the same for all adds of a key.
   *  @param mayGrow whether another key may be taken */
  add(key: string, amount: number, mayGrow: boolean): Promise<CounterValue> | undefined {
    const known = this.#cells.get(key)
    const cell = known ?? (mayGrow ? this.#newCell(key, amount) : undefined)
    if (cell === undefined) return undefined
    const side = amount > 0 ? 'plus' : 'minus'
    const sum = cell[side] + amount
    if (!Number.isSafeInteger(sum)) return undefined
    const more = this.#size.ofSum(Math.abs(sum)) - this.#size.ofSum(Math.abs(cell[side]))
    if (known && more > 0 && this.#taken + more > this.#size.max) return undefined
    cell[side] = sum
    this.#taken += more
    return cell.settled
  }

  #newCell(key: string, amount: number): Cell | undefined {
    const size = this.#size.ofKey(key)
    const full = this.#cells.size > 0 && this.#taken + size + this.#size.ofSum(Math.abs(amount)) > this.#size.max
    if (full || this.#cells.size >= this.#keysMax) return undefined
    let resolve: Cell['resolve'] = () => {}
    let reject: Cell['reject'] = () => {}
    const settled = new Promise<CounterValue>((take, refuse) => {
      resolve = take
      reject = refuse
    })
    // Who adds in passing and does not wait must not end the process by it.
    settled.catch(() => {})
    const cell = { plus: 0, minus: 0, settled, resolve, reject }
    this.#cells.set(key, cell)
    this.#taken += size
    return cell
  }

  /** Takes an add back out that was not sent yet. */
  withdraw(key: string, amount: number): void {
    const cell = this.#cells.get(key)
    if (cell) cell[amount > 0 ? 'plus' : 'minus'] -= amount
  }

  /** One or two for each key, none for what was withdrawn. */
  get entries(): readonly Addition[] {
    const entries: Addition[] = []
    for (const [key, { plus, minus }] of this.#cells) {
      if (plus !== 0) entries.push({ key, add: plus })
      if (minus !== 0) entries.push({ key, add: minus })
    }
    return entries
  }

  /** Settles the adds of these entries' keys. */
  resolve(entries: readonly Addition[], values: readonly CounterValue[]): void {
    // Where a key has two entries both answers show the value after the commit.
    for (const [i, { key }] of entries.entries()) this.#cells.get(key)?.resolve(values[i] as CounterValue)
  }

  reject(entries: readonly Addition[], error: unknown): void {
    for (const { key } of entries) this.#cells.get(key)?.reject(error)
  }
}
