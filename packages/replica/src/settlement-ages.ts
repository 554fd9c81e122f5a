import type { Ledger, LogPoint, SettlementEntry } from '@tallymesh/crdt'

/** A settlement, and when this process first saw it. */
export interface SeenSettlement extends LogPoint {
  readonly entry: SettlementEntry
  readonly sinceMs: number
}

/** Which settlements are old: those that came first become old first, so the young ones need no look. */
export class SettlementAges {
  #young: SeenSettlement[] = []
  #next = 0
  #old: SeenSettlement[] = []

  constructor(readonly ledger: Ledger) {}

  /** Those that are at least `ageMs` old and still remembered. O(new and old ones) */
  old(nowMs: number, ageMs: number): readonly SeenSettlement[] {
    for (const arrived of this.ledger.takeArrived()) this.#young.push({ ...arrived, sinceMs: nowMs })
    for (; this.#next < this.#young.length; this.#next++) {
      const seen = this.#young[this.#next] as SeenSettlement
      if (nowMs - seen.sinceMs < ageMs) break
      this.#old.push(seen)
    }
    if (this.#next > 1_000 && this.#next * 2 > this.#young.length) {
      this.#young = this.#young.slice(this.#next)
      this.#next = 0
    }
    this.#old = this.#old.filter(({ log, entry }) => this.#isRemembered(log, entry))
    return this.#old
  }

  #isRemembered(log: LogPoint['log'], entry: SettlementEntry): boolean {
    return this.ledger.logs.get(log)?.settlements.get(entry.number)?.entry === entry
  }
}
