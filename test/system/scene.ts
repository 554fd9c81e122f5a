import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { askOnce } from './answer.js'
import type { BalancerKind, BalancerProcess } from './balancer-process.js'
import { Ledger } from './ledger.js'
import type { NodeProcess } from './node-process.js'
import type { ServerRoom } from './server-room.js'
import { Traffic } from './traffic.js'

const NAMES = ['a', 'b', 'c'] as const
/** Longer than HAProxy takes to notice. */
const DRAIN_MS = 1_500

/** A room, a balancer before it, and clients that count through that. */
export interface Scene {
  readonly room: ServerRoom
  readonly kind: BalancerKind
  readonly balancer: BalancerProcess
  readonly traffic: Traffic
  /** Those that run now. */
  readonly nodes: NodeProcess[]
}

/** Runs a fault under traffic. Afterwards all nodes agree, and contradict no caller. */
export async function underTraffic(
  room: ServerRoom,
  kind: BalancerKind,
  fault: (scene: Scene) => Promise<string>,
): Promise<void> {
  room.flags = ['--drain-ms', `${DRAIN_MS}`]
  const nodes = await room.startAll(...NAMES)
  const balancer = await room.balance(kind, nodes)
  const traffic = new Traffic(balancer.port)
  const { ledger } = traffic
  try {
    traffic.start()
    await traffic.counted(1_000)
    ledger.rest()
    const told = await fault({ room, kind, balancer, traffic, nodes })
    await traffic.counted()
    await traffic.stop()
    await room.agreed(nodes, ledger)
    const { acknowledged, failed, indeterminate, gapMs } = ledger
    console.log(
      `${kind}: ${told}; ${acknowledged} acknowledged, ${indeterminate.length} in doubt, ${failed.length} failed; ` +
        `nobody was served for ${gapMs.toFixed(0)} ms at most`,
    )
    assert.is(failed.length, 0, `no call fails, given the client's own failover:\n${Ledger.tell(failed)}`)
  } finally {
    await traffic.stop()
  }
}

/** Starts the node again that ended, and waits until the balancer sends it requests. Answers in words how long that took. */
export async function back({ room, balancer, nodes, kind }: Scene, i: number, sinceMs: number): Promise<string> {
  const node = room.start(NAMES[i] as string)
  nodes[i] = node
  await node.ready()
  const readyMs = performance.now() - sinceMs
  await until(`${kind} to send requests to ${node.name} again`, async () => {
    return (await askOnce(balancer.port, '/livez', { timeoutMs: 1_000 }))?.headers['tallymesh-node'] === node.name
  })
  return `${node.name} is ready again after ${readyMs.toFixed(0)} ms, and served after ${(performance.now() - sinceMs).toFixed(0)} ms`
}

/** How long after the fault the last call was left in doubt. */
export function lastDoubtMs({ indeterminate }: Ledger, sinceMs: number): string {
  const last = indeterminate.at(-1)
  return last === undefined ? 'none' : `${Math.max(0, last.atMs - sinceMs).toFixed(0)} ms`
}

/** Nobody was told that a call may or may not be counted. */
export function noneInDoubt({ balancer, traffic }: Scene): void {
  const { indeterminate } = traffic.ledger
  assert.is(indeterminate.length, 0, `${Ledger.tell(indeterminate)}\n${balancer.output}`)
}
