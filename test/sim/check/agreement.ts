import { Breach } from './breach.js'
import { OPERATION_PREFIX } from './exactness.js'
import { isAcknowledged, type Ledger, type Side, showOperation, type Tracked } from './ledger.js'
import type { Losses } from './losses.js'
import type { SettledNode } from './settled.js'
import { checkSide, type Place } from './side-check.js'

type Shown = ReturnType<SettledNode['read']>

/** Checks, at the end, that all nodes show the same totals, and that these are what was acknowledged and some of what may be
 *  missing. */
export class Agreement {
  keys = 0
  /** Acknowledged operations that totals name as missing. They are excused. */
  readonly missing = new Set<Tracked>()
  /** Operations that totals name as counted, though nobody was told. */
  readonly counted = new Set<Tracked>()
  readonly #excused = (tracked: Tracked): boolean => this.losses.isExcused(tracked)

  constructor(
    readonly ledger: Ledger,
    readonly losses: Losses,
  ) {}

  /** @throws Breach */
  check(nodes: readonly SettledNode[]): void {
    const [first, ...others] = nodes
    if (!first) return
    this.missing.clear()
    this.counted.clear()
    const keys = this.ledger.keys()
    for (const { keys: more } of nodes) for (const key of more) if (!key.startsWith(OPERATION_PREFIX)) keys.add(key)
    this.keys = keys.size
    for (const key of keys) {
      const shown = first.read(key)
      this.#checkKey(first, key, shown)
      for (const other of others) {
        const totals = other.read(key)
        if (totals.increments === shown.increments && totals.decrements === shown.decrements) continue
        this.#checkKey(other, key, totals)
        const text = `${JSON.stringify(key)} is +${shown.increments} -${shown.decrements} on ${first.node}`
        throw new Breach(1, 'disagree', `${text}, and +${totals.increments} -${totals.decrements} on ${other.node}`)
      }
    }
    this.#checkGroups(first)
  }

  #checkKey({ node }: SettledNode, key: string, { increments, decrements }: Shown): void {
    const { ledger } = this
    this.#checkSide({ what: 'the sum of increments', key, node }, increments, ledger.increments(key))
    this.#checkSide({ what: 'the sum of decrements', key, node }, decrements, ledger.decrements(key))
  }

  #checkSide(where: Place, total: bigint, side: Side | undefined): void {
    const counted = checkSide(where, total, side, this.#excused)
    if (!counted || !side) return
    for (const count of side.counts) {
      const { tracked } = count
      if (!isAcknowledged(tracked)) {
        if (counted.has(count)) this.counted.add(tracked)
      } else if (!counted.has(count) && this.#excused(tracked)) this.missing.add(tracked)
    }
  }

  /** A group that need not be there is there whole, or not at all. What a lost disk held alone, or one of two histories, may have
   *  reached others in part. @throws Breach */
  #checkGroups(node: SettledNode): void {
    const read = (key: string) => node.read(key)
    for (const group of this.ledger.groups) {
      if (this.losses.count > group.lossesBefore || this.losses.forked.size > 0) continue
      if (isAcknowledged(group)) continue
      this.#checkGroup(group, read)
    }
  }

  #checkGroup(group: Tracked, read: (key: string) => Shown): void {
    let first: boolean | undefined
    for (const { key, amount } of group.operation.entries) {
      const totals = read(key)
      const side = this.ledger.side(key, amount)
      const total = amount > 0 ? totals.increments : totals.decrements
      const counted = checkSide({ what: 'the total', key }, total, side, this.#excused)
      if (!counted || !side) continue
      const own = side.counts.find(count => count.tracked === group && count.amount === Math.abs(amount))
      const has = own !== undefined && counted.has(own)
      first ??= has
      if (first === has) continue
      throw new Breach(
        1,
        'torn',
        `${showOperation(group)} is counted in part: ${has ? 'with' : 'without'} ${JSON.stringify(key)}`,
      )
    }
  }
}
