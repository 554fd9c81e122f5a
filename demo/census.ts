import { type Members, TallymeshClient } from '@tallymesh/client'
import type { SupervisedNode } from '@tallymesh/server'
import type { Ledger, Sums } from './ledger.js'
import { until } from './until.js'
import { holdsAll } from './verdict.js'

/** What a node counts, in key order. */
export type CounterValues = ReadonlyArray<readonly [key: string, value: number]>

const ASK_DEADLINE_MS = 2_000
const PAGE_COUNTERS = 1_000

/** What the nodes count, asked of each of them directly. */
export class Census {
  readonly #clients: ReadonlyMap<string, TallymeshClient>

  constructor(
    readonly nodes: readonly SupervisedNode[],
    readonly ledger: Ledger,
    readonly signal: AbortSignal,
  ) {
    const times = { timeoutMs: ASK_DEADLINE_MS, deadlineMs: ASK_DEADLINE_MS }
    this.#clients = new Map(
      nodes.map(({ name, spec }) => {
        return [name, new TallymeshClient({ urls: [`http://${spec.host}:${spec.port}`], ...times })]
      }),
    )
  }

  /** What each node counts; undefined for one that does not answer. */
  take(): Promise<Array<CounterValues | undefined>> {
    return Promise.all(this.nodes.map(node => this.values(node)))
  }

  /** What one node counts; undefined where it does not answer. */
  async values(node: SupervisedNode): Promise<CounterValues | undefined> {
    const values: Array<readonly [string, number]> = []
    try {
      const counters = this.#client(node).counters({ limit: PAGE_COUNTERS, stale: true })
      for await (const { key, value } of counters) values.push([key, Number(value)])
    } catch {
      return undefined
    }
    return values
  }

  /** The room as one node sees it; undefined where it does not answer. */
  async members(node: SupervisedNode): Promise<Members | undefined> {
    try {
      return await this.#client(node).members()
    } catch {
      return undefined
    }
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

  /** Ends what is being asked. */
  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map(client => client.close()))
  }

  get #allReady(): boolean {
    return this.nodes.every(({ phase }) => phase === 'ready')
  }

  #client({ name }: SupervisedNode): TallymeshClient {
    return this.#clients.get(name) as TallymeshClient
  }
}
