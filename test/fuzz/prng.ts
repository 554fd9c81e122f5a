/** A seeded generator (mulberry32): one seed, one sequence. */
export class Prng {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** The generator of one part of a run: it depends on nothing but the run's seed and the part's name and number. */
  static of(seed: number, name: string, number: number): Prng {
    let hash = seed >>> 0
    for (const char of `${name}/${number}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0
    return new Prng(hash ^ (hash >>> 15))
  }

  /** Uniform in [0, 1), with 53 bits. */
  readonly next = (): number => (this.#word() * 2 ** 21 + (this.#word() >>> 11)) / 2 ** 53

  /** An integer from 0 to `bound` - 1. */
  int(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.int(items.length)] as Item
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.int(256))
  }

  #word(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let word = this.#state
    word = Math.imul(word ^ (word >>> 15), word | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return (word ^ (word >>> 14)) >>> 0
  }
}
