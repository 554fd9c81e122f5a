import { numberFrom } from './environment.js'

/** A test's choices, repeatable: SEED in the environment repeats those of the run that printed it. */
export class Seed {
  readonly number: number
  #state: number

  /** Prints the seed. @param what names the test */
  constructor(what: string) {
    this.number = numberFrom('SEED', 1 + Math.floor(Math.random() * 2 ** 31))
    this.#state = this.number >>> 0
    console.log(`${what}: SEED=${this.number}`)
  }

  /** Uniform in [0, 1). Mulberry32. */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** An integer from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.random() * (max - min + 1))
  }

  /** True so often. @param share from 0 to 1 */
  chance(share: number): boolean {
    return this.random() < share
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error('nothing to pick from')
    return items[this.between(0, items.length - 1)] as T
  }

  /** A random non-empty part of `items`. */
  some<T>(items: readonly T[]): T[] {
    const part = items.filter(() => this.chance(0.5))
    return part.length > 0 ? part : [this.pick(items)]
  }
}
