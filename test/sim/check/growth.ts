import { type ReplicaLog, showReplicaId } from '@tallymesh/crdt'
import { Breach } from './breach.js'
import type { SettledNode } from './settled.js'

/** Checks, at the end, that what a node holds depends on what is live, that nothing of it hangs, and that it is on the disk.
 *  @throws Breach */
export function checkGrowth({ node, replica, disk }: SettledNode, trusted: boolean): void {
  if (!replica.settled) throw new Breach(9, 'not-settled', `${node} still has something to write`)
  for (const log of replica.room.logs.values()) {
    const where = `log ${showReplicaId(log.id)} on ${node}`
    checkLog(where, log, log.id === replica.commits.replica)
    if (!trusted || !log.complete) continue
    const held = disk.clock(log.id)
    if (held < log.clock) throw new Breach(3, 'not-durable', `${where} goes to ${log.clock}, on its disk to ${held}`)
  }
}

function checkLog(where: string, log: ReplicaLog, own: boolean): void {
  const { pendingStructs, pendingDs } = log.doc.store
  if (pendingStructs || pendingDs) throw new Breach(9, 'pending', `${where} has structs that wait for others`)
  const elements = log.clock - log.head
  // A commit empties 32 entries of the head, or as many as it changes twice: a large element takes several commits, and each
  // adds one. Those who got a log in parts may lack its last deletion until the next commit.
  const { weight } = log.live
  const head = Math.min(1024, weight) / 32
  const bound = (own ? 1 : 2) * (weight / 16 + 70 + head)
  if (elements > bound)
    throw new Breach(9, 'elements', `${where} has ${elements} elements for live entries that weigh ${weight}`)
  const { structs } = log
  if (structs > elements + 2) throw new Breach(9, 'structs', `${where} has ${structs} structs for ${elements} elements`)
}
