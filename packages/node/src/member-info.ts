import { type ReplicaId, type StoreId, showReplicaId, TallymeshError } from '@tallymesh/crdt'
import type { MemberState, Replica } from '@tallymesh/replica'

/** A member of the room, as one node sees it. */
export interface MemberInfo {
  readonly name: string
  /** Names the member's data directory: what a member is counted by. */
  readonly store: string
  /** The replica id that it counts under, in hexadecimal; undefined while it has none, and while it is not linked. */
  readonly replica: string | undefined
  /** Where it can be dialed; undefined for a node that only dials. */
  readonly url: string | undefined
  readonly state: MemberState
  /** Batches of this node's own log that the member has not confirmed as durable; 0 for this node itself. */
  readonly lag: number
  /** How surely it is down, from 0 up (phi accrual): 1 is wrong once in 10 times, 8 once in 10^8. 0 for this node itself, and for
   *  a member that this process was never linked with. */
  readonly phi: number
  /** Whether it is this node. */
  readonly self: boolean
}

/** The room as a replica sees it: this node first, then everybody who was not removed. */
export function memberInfos(name: string, store: StoreId, url: string | undefined, replica: Replica): MemberInfo[] {
  const live = new Map<StoreId, ReplicaId | 0>()
  for (const peer of replica.peers) live.set(peer.identity.store, peer.replica)
  const own = show(replica.commits.replica)
  const infos: MemberInfo[] = [{ name, store, replica: own, url, state: 'up', lag: 0, phi: 0, self: true }]
  for (const { name, store, urls, state, lag, phi, removed } of replica.view()) {
    if (!removed)
      infos.push({ name, store, replica: show(live.get(store)), url: urls[0], state, lag, phi, self: false })
  }
  return infos
}

function show(replica: ReplicaId | 0 | undefined): string | undefined {
  return replica ? showReplicaId(replica) : undefined
}

/** The stores of the members called so, or of that store id, that are not up.
 *  @throws TallymeshError MEMBER_UNKNOWN where there is none, MEMBER_UP where none may be removed */
export function removable(members: readonly MemberInfo[], member: string): string[] {
  const found = members.filter(({ name, store, self }) => !self && (name === member || store === member))
  if (found.length === 0) {
    throw new TallymeshError('MEMBER_UNKNOWN', `no other member is called ${JSON.stringify(member)}`)
  }
  const gone = found.filter(({ state }) => state !== 'up')
  if (gone.length === 0) {
    throw new TallymeshError('MEMBER_UP', `${member} is up; stop it before it is removed from the room`)
  }
  return gone.map(({ store }) => store)
}
