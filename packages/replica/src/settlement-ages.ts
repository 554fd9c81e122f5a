import type { ArrivedSettlement, Ledger, LogPoint, SettlementEntry } from '@tallymesh/crdt'

/** A settlement, and since when this process has seen it for certain. */
export interface SeenSettlement extends ArrivedSettlement {
  readonly sinceMs: number
}

/** Which settlements are old: those that came first become old first, so the young ones need no look. */
export class SettlementAges {
  /** Those that came since the caller's clock ticked: at which time between its ticks nobody knows. */
  #fresh: ArrivedSettlement[] = []
  #nowMs = 0
  #young: SeenSettlement[] = []
  #next = 0
  #old: SeenSettlement[] = []

  constructor(readonly ledger: Ledger) {}

  /** Those that are at least `ageMs` old and still remembered. O(new and old ones) */
  old(nowMs: number, ageMs: number): readonly SeenSettlement[] {
    if (nowMs > this.#nowMs) for (const fresh of this.#fresh.splice(0)) this.#young.push({ ...fresh, sinceMs: nowMs })
    this.#nowMs = nowMs
    for (const arrived of this.ledger.takeArrived()) this.#fresh.push(arrived)
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
