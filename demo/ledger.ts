/** What the traffic knows of one counter. */
export interface Sums {
  /** Counted, for certain: the answers said so. */
  readonly acknowledged: number
  /** Asked for, and the answer was never seen: counted or not. */
  readonly indeterminate: number
}

/** What one node acknowledged while only its own disk had it. */
interface OneDisk {
  requests: number
  readonly counts: Map<string, number>
}

/** The books of the traffic: what was acknowledged and what is uncertain, by counter. */
export class Ledger {
  readonly #sums = new Map<string, { acknowledged: number; indeterminate: number }>()
  /** Acknowledged while only the answering node's own disk had it, since the nodes were last found to agree, by node. */
  readonly #oneDisk = new Map<string, OneDisk>()
  /** Requests, not counters. */
  acknowledgedRequests = 0
  indeterminateRequests = 0
  oneDiskRequests = 0
  exceptedRequests = 0

  /** These counters were raised by one each, for certain.
   *  @param oneDisk names the node that answered, where only its disk had the counts then */
  acknowledge(keys: readonly string[], oneDisk?: string): void {
    this.acknowledgedRequests++
    for (const key of keys) this.#of(key).acknowledged++
    if (oneDisk === undefined) return
    this.oneDiskRequests++
    let held = this.#oneDisk.get(oneDisk)
    if (!held) this.#oneDisk.set(oneDisk, (held = { requests: 0, counts: new Map() }))
    held.requests++
    for (const key of keys) held.counts.set(key, (held.counts.get(key) ?? 0) + 1)
  }

  /** Nobody can tell whether these counters were raised by one each. */
  doubt(keys: readonly string[]): void {
    this.indeterminateRequests++
    for (const key of keys) this.#of(key).indeterminate++
  }

  /** Every node was found to hold everything: no count is on one disk only. To be called while no request is under way. */
  settled(): void {
    this.#oneDisk.clear()
  }

  /** How many requests only the disk of this node holds, as far as the books know. */
  requestsOn(node: string): number {
    return this.#oneDisk.get(node)?.requests ?? 0
  }

  /** The disk of a node is gone with what only it held: those counts may be in the total or not.
   *  @returns how many requests that were */
  diskLost(node: string): number {
    const held = this.#oneDisk.get(node)
    this.#oneDisk.delete(node)
    if (!held) return 0
    for (const [key, count] of held.counts) {
      const sums = this.#of(key)
      sums.acknowledged -= count
      sums.indeterminate += count
    }
    this.exceptedRequests += held.requests
    return held.requests
  }

  /** Sums by counter, in key order. */
  rows(): Array<readonly [string, Sums]> {
    return [...this.#sums].map(([key, sums]) => [key, { ...sums }] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /** Falsifies one counter by one, to see that the verdict finds it. @returns the key, or undefined where there is none */
  plant(kind: 'lost' | 'doubled'): string | undefined {
    const certain = [...this.#sums].filter(([, sums]) => sums.acknowledged > 0)
    const [key, sums] = certain.find(([, { indeterminate }]) => indeterminate === 0) ?? certain[0] ?? []
    if (!sums) return undefined
    sums.acknowledged += kind === 'lost' ? 1 + sums.indeterminate : -1 - sums.indeterminate
    return key
  }

  #of(key: string): { acknowledged: number; indeterminate: number } {
    let sums = this.#sums.get(key)
    if (!sums) this.#sums.set(key, (sums = { acknowledged: 0, indeterminate: 0 }))
    return sums
  }
}
