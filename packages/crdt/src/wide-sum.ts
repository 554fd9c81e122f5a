const HALF = 2 ** 32

/** A sum of safe integers that is exact beyond them: in two halves, so that adding makes nothing. */
export class WideSum {
  /** The sum is `#high` × 2^32 + `#low`, with 0 ≤ `#low` < 2^32. */
  #high = 0
  #low = 0

  /** @param amount a safe integer */
  add(amount: number): void {
    const high = Math.floor(amount / HALF)
    this.#high += high
    this.#low += amount - high * HALF
    if (this.#low < HALF) return
    this.#low -= HALF
    this.#high++
  }

  get isZero(): boolean {
    return this.#high === 0 && this.#low === 0
  }

  /** The sum, rounded where it is no safe integer. */
  get rounded(): number {
    return this.#high * HALF + this.#low
  }

  get exact(): bigint {
    return BigInt(this.#high) * BigInt(HALF) + BigInt(this.#low)
  }
}
