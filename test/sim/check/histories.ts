import { type ReplicaId, type ReplicaLog, showReplicaId } from '@tallymesh/crdt'
import { Breach } from './breach.js'
import type { SettledNode } from './settled.js'

/** Checks, at the end, that nobody shares a live id, and that logs which are equally long have one history, unless they are
 *  known to have two. @throws Breach */
export function checkHistories(nodes: readonly SettledNode[]): number {
  const live = new Map<ReplicaId, string>()
  const known = new Map<ReplicaId, { readonly log: ReplicaLog; readonly node: string }>()
  for (const { node, replica } of nodes) {
    const id = replica.commits.replica
    const other = id === undefined ? undefined : live.get(id)
    if (id !== undefined && other !== undefined) {
      throw new Breach(5, 'id-shared', `${other} and ${node} both count under ${showReplicaId(id)}`)
    }
    if (id !== undefined) live.set(id, node)
    for (const log of replica.room.logs.values()) {
      if (!log.complete || replica.room.forked.has(log.id)) continue
      const before = known.get(log.id)
      if (before) checkSame(before.log, before.node, log, node)
      else known.set(log.id, { log, node })
    }
  }
  return known.size
}

function checkSame(a: ReplicaLog, aNode: string, b: ReplicaLog, bNode: string): void {
  const where = `log ${showReplicaId(a.id)} at clock ${a.clock}`
  if (a.clock !== b.clock) {
    throw new Breach(1, 'clocks', `${where} on ${aNode}, and at clock ${b.clock} on ${bNode}`)
  }
  if (a.tip === b.tip && a.digest.equals(b.digest)) return
  throw new Breach(5, 'two-histories', `${where} differs between ${aNode} and ${bNode}, and nobody knows`)
}
