import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { askOnce } from './answer.js'
import type { BalancerProcess } from './balancer-process.js'
import { Ledger } from './ledger.js'
import type { NodeProcess } from './node-process.js'
import type { ServerRoom } from './server-room.js'
import { Traffic } from './traffic.js'

const NAMES = ['a', 'b', 'c'] as const
/** Longer than HAProxy takes to notice. */
const DRAIN_MS = 1_500

/** A balancer before the nodes, and clients that count through it on keys of their own. */
export interface Way {
  readonly balancer: BalancerProcess
  readonly traffic: Traffic
}

/** Three nodes, all balancers before them, and what is done to the nodes while clients count through each balancer. */
export class Scene {
  ways: readonly Way[] = []

  private constructor(
    readonly room: ServerRoom,
    /** Those that run now. */
    readonly nodes: NodeProcess[],
    readonly balancers: readonly BalancerProcess[],
  ) {}

  static async open(room: ServerRoom): Promise<Scene> {
    room.flags = ['--drain-ms', `${DRAIN_MS}`]
    const nodes = await room.startAll(...NAMES)
    return new Scene(room, nodes, await room.balanceAll(nodes))
  }

  /** Runs a fault under traffic, which leaves three nodes behind. Afterwards all agree, and contradict no caller.
   *  @param fault answers in words how it went */
  async underTraffic(fault: () => Promise<string>): Promise<void> {
    this.ways = this.balancers.map(balancer => ({ balancer, traffic: new Traffic(balancer.port) }))
    const all = (act: (traffic: Traffic) => unknown) => Promise.all(this.ways.map(({ traffic }) => act(traffic)))
    try {
      await all(traffic => traffic.start())
      this.pace('dense')
      await all(traffic => traffic.counted(100))
      await all(({ ledger }) => ledger.rest())
      const told = await fault()
      await all(traffic => traffic.counted())
      await all(traffic => traffic.stop())
      console.log(told)
      for (const { balancer, traffic } of this.ways) await this.#judge(balancer, traffic.ledger)
    } finally {
      await all(traffic => traffic.stop())
    }
  }

  pace(pace: Traffic['pace']): void {
    for (const { traffic } of this.ways) traffic.pace = pace
  }

  /** Starts the node again that ended, and waits until each balancer sends it requests. Answers in words how long that took. */
  async back(i: number, sinceMs: number): Promise<string> {
    this.pace('steady')
    const node = this.room.start(NAMES[i] as string)
    this.nodes[i] = node
    await node.ready()
    const spentMs = () => (performance.now() - sinceMs).toFixed(0)
    const told = [`${node.name} is ready again after ${spentMs()} ms`]
    this.pace('dense')
    for (const { balancer } of this.ways) {
      await until(`${balancer.kind} to send requests to ${node.name} again`, async () => {
        const answer = await askOnce(balancer.port, '/livez', { timeoutMs: 1_000 })
        return answer?.headers['tallymesh-node'] === node.name
      })
      told.push(`served through ${balancer.kind} after ${spentMs()} ms`)
    }
    return told.join(', ')
  }

  /** How long after the fault the last call was left in doubt. */
  lastDoubt(sinceMs: number): string {
    const told = this.ways.map(({ balancer, traffic }) => {
      const last = traffic.ledger.indeterminate.at(-1)
      return `${balancer.kind} ${last === undefined ? 'none' : `${Math.max(0, last.atMs - sinceMs).toFixed(0)} ms`}`
    })
    return `the last call in doubt: ${told.join(', ')}`
  }

  /** Nobody was told that a call may or may not be counted. */
  noneInDoubt(): void {
    for (const { balancer, traffic } of this.ways) {
      const { indeterminate } = traffic.ledger
      assert.is(indeterminate.length, 0, `${balancer.kind}: ${Ledger.tell(indeterminate)}\n${balancer.output}`)
    }
  }

  async #judge({ kind }: BalancerProcess, ledger: Ledger): Promise<void> {
    await this.room.agreed(this.nodes, ledger)
    const { acknowledged, failed, indeterminate, gapMs } = ledger
    console.log(
      `${kind}: ${acknowledged} acknowledged, ${indeterminate.length} in doubt, ${failed.length} failed; ` +
        `nobody was served for ${gapMs.toFixed(0)} ms at most`,
    )
    assert.is(failed.length, 0, `no call fails, given the client's own failover:\n${Ledger.tell(failed)}`)
  }
}
