import type { Count, CounterTotals } from '@tallymesh/client'

/** How a counter moves. */
export interface RatedCounter {
  readonly key: string
  readonly value: Count
  /** Increments a second since the sample before. */
  readonly up: number
  /** Decrements a second since the sample before. */
  readonly down: number
}

interface Sample {
  readonly increments: number
  readonly decrements: number
}

/** Makes rates of successive samples of counters. A counter that was not in the sample before has no rate yet. */
export class RateTable {
  #samples = new Map<string, Sample>()
  #atMs: number | undefined
  #rated: RatedCounter[] = []

  sample(counters: readonly CounterTotals[], nowMs: number): void {
    const seconds = this.#atMs === undefined ? 0 : (nowMs - this.#atMs) / 1_000
    const samples = new Map<string, Sample>()
    this.#rated = counters.map(({ key, value, ...figures }) => {
      const increments = Number(figures.increments)
      const decrements = Number(figures.decrements)
      samples.set(key, { increments, decrements })
      const before = this.#samples.get(key)
      if (!before || seconds <= 0) return { key, value, up: 0, down: 0 }
      // Another server may have answered, which knows less yet: a rate is never negative.
      const up = Math.max(0, increments - before.increments) / seconds
      return { key, value, up, down: Math.max(0, decrements - before.decrements) / seconds }
    })
    this.#samples = samples
    this.#atMs = nowMs
  }

  get size(): number {
    return this.#rated.length
  }

  /** Of all counters together, a second. */
  get total(): number {
    return this.#rated.reduce((sum, { up, down }) => sum + up + down, 0)
  }

  /** Those that move most first; those that move alike in key order. */
  busiest(limit: number): RatedCounter[] {
    return this.#rated.toSorted((a, b) => b.up + b.down - (a.up + a.down) || (a.key < b.key ? -1 : 1)).slice(0, limit)
  }
}
