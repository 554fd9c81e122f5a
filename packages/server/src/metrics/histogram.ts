/** A line of a metric, as prom-client takes it from a metric that it did not make. */
export interface Sample {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** From 0.1 ms, a commit on a fast disk, to 10 s, the longest wait that is usual. */
export const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** A commit has at most 2,048 entries. */
export const ENTRIES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]

/** Counts observations by size. One observation is a few comparisons and allocates nothing: it runs in every request. */
export class Histogram {
  readonly #counts: Float64Array
  #sum = 0

  /** @param bounds the upper bounds of the buckets, rising */
  constructor(readonly bounds: readonly number[]) {
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const { bounds } = this
    let at = 0
    while (at < bounds.length && value > (bounds[at] as number)) at++
    this.#counts[at] = (this.#counts[at] as number) + 1
    this.#sum += value
  }

  /** The lines of this histogram, cumulative as Prometheus wants them. */
  samples(name: string, labels: Readonly<Record<string, string>> = {}): Sample[] {
    let total = 0
    const buckets = [...this.#counts].map((count, at) => {
      total += count
      const le = this.bounds[at] ?? '+Inf'
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: total }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: total },
    ]
  }
}
