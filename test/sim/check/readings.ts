import type { Reading } from '../observer.js'
import type { NodeName } from '../plan/command.js'
import { Breach } from './breach.js'
import { isRefused, type Ledger, type Tracked } from './ledger.js'
import { count, NO_TOTALS, show, type Totals } from './totals.js'

/** What one process showed. */
interface Life {
  readonly life: number
  /** It loaded all that its disk holds. */
  started: boolean
  readonly seen: Map<string, Totals>
  /** What it refused, and may still show: calls that it took in before it gave up. */
  readonly refused: Map<string, Totals>
  /** The last operation that began before its disk failed: until one that began later is acknowledged, what it shows may be from
   *  before or after it was rebuilt. */
  rebuiltAfter: number | undefined
}

/** Compares what readers are told with what was asked for, acknowledged and shown before. Both sums of a key only rise. */
export class Readings {
  readonly #lives = new Map<NodeName, Life>()
  /** What each node acknowledged since its disk last lost something. */
  readonly #acknowledged = new Map<NodeName, Map<string, Totals>>()
  #lastOperation = 0

  constructor(readonly ledger: Ledger) {}

  started(node: NodeName, life: number): void {
    this.#life(node, life).started = true
  }

  attempted(tracked: Tracked): void {
    this.#lastOperation = tracked.operation.id
  }

  acknowledged({ operation }: Tracked): void {
    const { node, life, id, entries } = operation
    let sums = this.#acknowledged.get(node)
    if (!sums) this.#acknowledged.set(node, (sums = new Map()))
    for (const { key, amount } of entries) count(sums, key, amount)
    const known = this.#life(node, life)
    if (known.rebuiltAfter !== undefined && id > known.rebuiltAfter) known.rebuiltAfter = undefined
  }

  refused(tracked: Tracked): void {
    const { node, life, entries } = tracked.operation
    if (!isRefused(tracked)) return
    const { refused } = this.#life(node, life)
    for (const { key, amount } of entries) count(refused, key, amount)
  }

  /** What was shown and not acknowledged may be gone. */
  recovering(node: NodeName, life: number): void {
    const known = this.#life(node, life)
    known.rebuiltAfter = this.#lastOperation
    known.seen.clear()
  }

  /** The disk of a node lost something: it may show less than it acknowledged. */
  lost(node: NodeName): void {
    this.#acknowledged.delete(node)
  }

  /** @throws Breach */
  read({ node, life, key, increments, decrements }: Reading): void {
    const known = this.#life(node, life)
    const now = { p: increments, n: decrements }
    const where = `${JSON.stringify(key)} on ${node}, life ${life}, shows ${show(now)}`
    const refused = known.refused.get(key) ?? NO_TOTALS
    const asked = {
      p: (this.ledger.increments(key)?.counted ?? 0n) + refused.p,
      n: (this.ledger.decrements(key)?.counted ?? 0n) + refused.n,
    }
    if (now.p > asked.p || now.n > asked.n) {
      throw new Breach(2, 'read-above', `${where}; all that was ever asked for is ${show(asked)}`)
    }
    const own = known.started ? this.#acknowledged.get(node)?.get(key) : undefined
    if (own && (now.p < own.p || now.n < own.n)) {
      throw new Breach(2, 'read-below', `${where}; acknowledged there were ${show(own)}`)
    }
    const seen = known.seen.get(key)
    if (seen && (now.p < seen.p || now.n < seen.n)) {
      throw new Breach(2, 'read-fell', `${where}, and showed ${show(seen)} before`)
    }
    if (known.rebuiltAfter === undefined) known.seen.set(key, now)
  }

  #life(node: NodeName, life: number): Life {
    const known = this.#lives.get(node)
    if (known?.life === life) return known
    const fresh = { life, started: false, seen: new Map(), refused: new Map(), rebuiltAfter: undefined }
    this.#lives.set(node, fresh)
    return fresh
  }
}
