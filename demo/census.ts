import type { Ledger, Sums } from './ledger.js'
import type { CounterValues } from './node-config.js'
import { probe } from './probe.js'
import type { SupervisedNode } from './supervised-node.js'
import { until } from './until.js'
import { holdsAll } from './verdict.js'

const ASK_DEADLINE_MS = 2_000

/** What the nodes count, asked of them over HTTP. */
export class Census {
  constructor(
    readonly nodes: readonly SupervisedNode[],
    readonly ledger: Ledger,
    readonly signal: AbortSignal,
  ) {}

  /** What each node counts; undefined for one that does not answer. */
  take(): Promise<Array<CounterValues | undefined>> {
    return Promise.all(this.nodes.map(node => this.#ask(node)))
  }

  /** Waits until every node is ready and counts at least what `floor` says was acknowledged. @throws Error after the deadline */
  async allHold(floor: ReadonlyArray<readonly [string, Sums]>, deadlineMs: number): Promise<void> {
    const holds = async () => {
      if (!this.#allReady) return false
      const counts = await this.take()
      return counts.every(count => count !== undefined && holdsAll(floor, count))
    }
    await until('every node to count what was acknowledged', holds, deadlineMs, this.signal)
  }

  /** Waits until every node is ready and all count the same, which is only to be expected while no request is under way.
   *  From then on no count is on one disk only. @throws Error after the deadline */
  async agreed(deadlineMs: number): Promise<void> {
    const agree = async () => {
      if (!this.#allReady) return false
      const counts = await this.take()
      return !counts.includes(undefined) && new Set(counts.map(count => JSON.stringify(count))).size === 1
    }
    await until('all nodes to agree', agree, deadlineMs, this.signal)
    this.ledger.settled()
  }

  get #allReady(): boolean {
    return this.nodes.every(({ phase }) => phase === 'ready')
  }

  async #ask(node: SupervisedNode): Promise<CounterValues | undefined> {
    const result = await probe<CounterValues>(node.config.httpPort, '/counters', ASK_DEADLINE_MS)
    return result.type === 'answer' && result.status === 200 ? result.body : undefined
  }
}
