import type { Stream } from '../draw.js'

/** 2^0 to 2^51 on each key and sign: their sum is exact. */
const POWERS_MAX = 52
const LARGEST = Number.MAX_SAFE_INTEGER

/** Draws what to add: amounts like those of a program, or powers of two that no other add on the same key and sign has. */
export class Amounts {
  /** How many powers of two are used, by key; increments and decrements. */
  readonly #used: Uint8Array
  /** Whether nothing is ever taken away from a key. */
  readonly #onlyUp: readonly boolean[]

  /** @param keys how many there are
   *  @param decrements how many of the keys also fall, from 0 to 1
   *  @param huge whether some amounts are near 2^53 − 1: those that would pass it are refused */
  constructor(
    readonly stream: Stream,
    readonly keys: number,
    readonly distinct: boolean,
    readonly decrements: number,
    readonly huge: boolean,
  ) {
    this.#used = new Uint8Array(2 * keys)
    this.#onlyUp = Array.from({ length: keys }, () => !stream.chance(decrements))
  }

  /** An amount for the key of this index; undefined where all are used. */
  draw(key: number): number | undefined {
    const sign = !this.#onlyUp[key] && this.stream.chance(0.4) ? -1 : 1
    if (!this.distinct) return sign * this.#ordinary()
    return this.#power(key, sign) ?? (this.#onlyUp[key] ? undefined : this.#power(key, -sign as 1 | -1))
  }

  #power(key: number, sign: 1 | -1): number | undefined {
    const at = 2 * key + (sign < 0 ? 1 : 0)
    const used = this.#used[at] as number
    if (used === POWERS_MAX) return undefined
    this.#used[at] = used + 1
    return sign * 2 ** used
  }

  #ordinary(): number {
    const { stream } = this
    if (this.huge && stream.chance(0.15)) return LARGEST - stream.int(3) * stream.int(1_000_000)
    const dice = stream.next()
    if (dice < 0.6) return 1
    return 1 + stream.int(dice < 0.9 ? 10 : 100_000)
  }
}
