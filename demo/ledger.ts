/** What the traffic knows of one counter, in operations that raise it by one. */
export interface Sums {
  /** Acknowledged. */
  readonly acknowledged: number
  /** Tried to the end, and nobody said whether they are counted. */
  readonly open: number
}

/** An operation that could not be settled: it is counted once or not at all. */
export interface OpenOperation {
  readonly id: string
  readonly keys: readonly string[]
  /** The code of its last error. */
  readonly why: string
}

/** The books of the traffic, by counter. Each operation enters them once, when it ends. */
export class Ledger {
  readonly #sums = new Map<string, { acknowledged: number; open: number }>()
  readonly open: OpenOperation[] = []
  /** Operations, not counters. */
  acknowledged = 0
  /** Operations that are certainly not counted. */
  refused = 0

  /** An operation that raised these counters by one each is on as many disks as were asked for. */
  acknowledge(keys: readonly string[]): void {
    this.acknowledged++
    for (const key of keys) this.#of(key).acknowledged++
  }

  refuse(): void {
    this.refused++
  }

  /** It is given up unsettled. */
  leaveOpen(operation: OpenOperation): void {
    this.open.push(operation)
    for (const key of operation.keys) this.#of(key).open++
  }

  /** Sums by counter, in key order. */
  rows(): Array<readonly [string, Sums]> {
    return [...this.#sums].map(([key, sums]) => [key, { ...sums }] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /** Falsifies one counter by one, to see that the verdict finds it. @returns the key, or undefined where there is none */
  plant(kind: 'lost' | 'doubled'): string | undefined {
    const certain = [...this.#sums].filter(([, sums]) => sums.acknowledged > 0)
    const [key, sums] = certain.find(([, { open }]) => open === 0) ?? certain[0] ?? []
    if (!sums) return undefined
    sums.acknowledged += kind === 'lost' ? 1 + sums.open : -1 - sums.open
    return key
  }

  #of(key: string): { acknowledged: number; open: number } {
    let sums = this.#sums.get(key)
    if (!sums) this.#sums.set(key, (sums = { acknowledged: 0, open: 0 }))
    return sums
  }
}
