import { setTimeout as sleep } from 'node:timers/promises'
import type { SupervisedNode } from '@tallymesh/server'
import type { Faults } from './faults.js'
import type { FaultName } from './flags.js'
import type { Seeded } from './seeded.js'

/** How long each takes at most on a machine that is not overloaded, in ms: one that does not fit is skipped. */
const NEEDS_MS: Readonly<Record<FaultName, number>> = {
  kill: 1_500,
  freeze: 2_500,
  drain: 2_000,
  cut: 3_000,
  wipe: 2_000,
  restore: 2_500,
}
/** While the only node is restarted, nobody can be served. */
const NEEDS_PEERS: readonly FaultName[] = ['drain', 'cut', 'wipe', 'restore']
const FIRST_AFTER_MS = 1_000
const BETWEEN_MS = 300

export interface SkippedFault {
  readonly fault: FaultName
  readonly why: string
}

/** Which fault strikes whom and when: rounds of all faults, each in an order of its own, for as long as the next one fits. */
export class FaultPlan {
  /** Faults that never happened. */
  readonly skipped: SkippedFault[] = []

  constructor(
    readonly faults: Faults,
    readonly wanted: readonly FaultName[],
    readonly nodes: readonly SupervisedNode[],
    readonly random: Seeded,
  ) {}

  /** @param endMs when the traffic ends, on the clock of `performance.now` */
  async run(endMs: number, signal: AbortSignal): Promise<void> {
    const possible = this.wanted.filter(fault => this.nodes.length > 1 || !NEEDS_PEERS.includes(fault))
    for (const fault of this.wanted) if (!possible.includes(fault)) this.#skip(fault, 'it needs two nodes')
    await sleep(FIRST_AFTER_MS, undefined, { signal })
    for (let round = 0; possible.length > 0; round++) {
      for (const fault of copyFirst(this.random.shuffled(possible))) {
        const fits = performance.now() + NEEDS_MS[fault] <= endMs
        if (!fits && round > 0) return
        if (fits) await this.#strike(fault, signal)
        else this.#skip(fault, 'it did not fit into the time that was left')
      }
      if (this.skipped.length > 0 && performance.now() > endMs - Math.max(...Object.values(NEEDS_MS))) return
    }
  }

  async #strike(fault: FaultName, signal: AbortSignal): Promise<void> {
    await this.faults.run(fault, this.#victim(fault))
    await sleep(BETWEEN_MS, undefined, { signal })
  }

  /** Whoever was struck least; a disk is rolled back where there is a copy of it, and wiped where there is none. */
  #victim(fault: FaultName): SupervisedNode {
    const { copied, reports } = this.faults
    const suited = this.nodes.filter(
      ({ name }) => (fault === 'restore' && copied.has(name)) || (fault === 'wipe' && !copied.has(name)),
    )
    const candidates = suited.length > 0 ? suited : this.nodes
    const strikes = (node: SupervisedNode) => reports.filter(report => report.node === node.name).length
    const fewest = Math.min(...candidates.map(strikes))
    return this.random.pick(candidates.filter(node => strikes(node) === fewest))
  }

  #skip(fault: FaultName, why: string): void {
    this.skipped.push({ fault, why })
  }
}

/** A disk is rolled back to an older copy, and the copy is taken while a node is down for another reason: so that comes first. */
function copyFirst(order: readonly FaultName[]): FaultName[] {
  const stop = order.findIndex(fault => fault === 'kill' || fault === 'freeze')
  if (!order.includes('restore') || stop < order.indexOf('restore')) return [...order]
  return [...order.slice(0, stop + 1).filter(fault => fault !== 'restore'), 'restore', ...order.slice(stop + 1)]
}
