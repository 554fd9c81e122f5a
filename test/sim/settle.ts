import type { ReplicaId } from '@tallymesh/crdt'
import type { Replica } from '@tallymesh/replica'
import { Breach } from './check/breach.js'
import type { SimNode } from './sim-node.js'
import type { World } from './world.js'

/** Between two looks at whether a room is at rest, ms. */
const LOOK_MS = 200
/** How long a healed room may take to come to rest, ms of virtual time: redialing, reopening and handshakes wait 5 s each. */
const SETTLE_MS_MAX = 60_000

/** Ends all faults around `nodes` and starts those of them that are down. */
export function heal(world: World, nodes: readonly SimNode[]): void {
  for (const node of nodes) {
    for (const other of nodes) if (node.name < other.name) world.network.heal(node.name, other.name)
    node.disk.failNext = false
    node.disk.setMode('ok')
    node.process?.resume()
    node.upgrade(2)
    // What failed for good waits for its operator.
    if (node.process?.node.status === 'failed') node.kill()
    if (!node.up) node.start()
  }
}

/** Lets time pass until `nodes` are at rest and hold the same.
 *  @throws Breach where that takes too long: the room does not converge */
export async function settle(world: World, nodes: readonly SimNode[]): Promise<void> {
  const endMs = world.time.nowMs + SETTLE_MS_MAX + 30 * world.room.antiEntropyMs
  for (;;) {
    const unrest = unrestOf(nodes)
    if (unrest === undefined) return
    if (world.time.nowMs >= endMs) {
      const text = `the room is not at rest ${endMs - world.time.nowMs + SETTLE_MS_MAX} ms after the last fault: ${unrest}`
      throw new Breach(7, 'liveness', text)
    }
    for (const node of nodes) {
      if (node.process?.node.status === 'failed') node.kill()
      if (!node.up) node.start()
    }
    await world.runUntil(world.time.nowMs + LOOK_MS)
  }
}

/** Why the nodes are not at rest; undefined where they are. */
function unrestOf(nodes: readonly SimNode[]): string | undefined {
  let first: { readonly name: string; readonly replica: Replica } | undefined
  for (const { name, process } of nodes) {
    if (!process?.started) return `${name} is down`
    if (process.node.status !== 'ready') return `${name} is ${process.node.status}`
    if (!process.atRest) return `${name} has something to write`
    const { replica } = process
    for (const peer of replica.peers) {
      for (const log of peer.pulling) {
        // A question that was lost, and answered by others since.
        if ((peer.has.get(log) ?? 0) <= (replica.room.logs.get(log)?.clock ?? 0)) continue
        return `${name} waits for an answer of ${peer.identity.name}`
      }
    }
    const difference = first && differenceOf(first.replica, replica)
    if (difference !== undefined) return `${first?.name} and ${name} differ: ${difference}`
    first ??= { name, replica }
  }
  return undefined
}

function differenceOf(a: Replica, b: Replica): string | undefined {
  for (const id of a.room.forked)
    if (!b.room.forked.has(id)) return `only one knows that log ${id.toString(16)} is forked`
  for (const id of b.room.forked)
    if (!a.room.forked.has(id)) return `only one knows that log ${id.toString(16)} is forked`
  return logsDiffer(a, b) ?? logsDiffer(b, a)
}

function logsDiffer(a: Replica, b: Replica): string | undefined {
  for (const [id, log] of a.room.logs) {
    if (a.room.forked.has(id) || log.clock === 0) continue
    const other = b.room.logs.get(id)
    if (!log.complete || !other?.complete || log.clock !== other.clock) return clocks(id, log.clock, other?.clock)
    if (!log.digest.equals(other.digest)) return `log ${id.toString(16)} has two digests at ${log.clock}`
    // Two histories that count the same have one digest: only the checksums of their last batches tell.
    if (log.tip !== undefined && other.tip !== undefined && log.tip !== other.tip) {
      return `log ${id.toString(16)} has two histories at ${log.clock}`
    }
  }
  return undefined
}

function clocks(id: ReplicaId, a: number, b = 0): string {
  return `log ${id.toString(16)} stands at ${a} and ${b}`
}
