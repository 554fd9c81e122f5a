import { type Members, TallymeshClient } from '@tallymesh/client'
import type { SupervisedNode } from '@tallymesh/server'
import type { Sums } from './ledger.js'
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

  /** Waits until this node takes operations, under whatever id it has now. @throws Error after the deadline */
  async admitted(node: SupervisedNode, deadlineMs: number): Promise<void> {
    const admitted = async () => (await this.members(node))?.operations?.admitted === true
    await until(`${node.name} to take operations`, admitted, deadlineMs, this.signal)
  }

  /** Waits until every node is ready and all count the same, which is only to be expected while no operation is open.
   *  @throws Error after the deadline */
  async agreed(deadlineMs: number): Promise<void> {
    const agree = async () => {
      if (!this.#allReady) return false
      const counts = await this.take()
      return !counts.includes(undefined) && new Set(counts.map(count => JSON.stringify(count))).size === 1
    }
    await until('all nodes to agree', agree, deadlineMs, this.signal)
  }

  /** Takes the store that a node had before its disk was lost out of the room, as an operator does: until then it is a member that is
   *  away, for which operations and newcomers wait. @throws Error after the deadline */
  async removeLostStore(node: SupervisedNode, deadlineMs: number): Promise<void> {
    const gone = async () => {
      const own = (await this.members(node))?.members.find(({ self }) => self)?.store
      if (own === undefined) return false
      const rooms = await Promise.all(this.nodes.map(other => this.members(other)))
      const lost = rooms.map(
        room => room?.members.filter(({ name, store }) => name === node.name && store !== own) ?? [],
      )
      await Promise.all(lost.flatMap((members, i) => members.map(({ store }) => this.#remove(this.nodes[i], store))))
      return !rooms.includes(undefined) && lost.every(members => members.length === 0)
    }
    await until(`the lost store of ${node.name} to be out of the room`, gone, deadlineMs, this.signal)
  }

  /** Ends what is being asked. */
  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map(client => client.close()))
  }

  get #allReady(): boolean {
    return this.nodes.every(({ phase }) => phase === 'ready')
  }

  /** Whether it is gone is to be asked. */
  async #remove(asked: SupervisedNode | undefined, store: string): Promise<void> {
    if (asked === undefined) return
    const { host, port } = asked.spec
    const signal = AbortSignal.timeout(ASK_DEADLINE_MS)
    await fetch(`http://${host}:${port}/v1/members/${store}`, { method: 'DELETE', signal }).catch(() => {})
  }

  #client({ name }: SupervisedNode): TallymeshClient {
    return this.#clients.get(name) as TallymeshClient
  }
}
