import type { Member, Membership } from './membership.js'
import type { LogState } from './protocol.js'
import type { WriteConcerns } from './write-concerns.js'

/** A member with how far it is behind this node. */
export interface MemberView extends Member {
  /** Batches of this node's own log that the member has not confirmed as durable. */
  readonly lag: number
  readonly phi: number
}

/** Everybody else in the room, as this node sees it. */
export function* memberViews(
  members: Membership,
  concerns: WriteConcerns,
  own: LogState | undefined,
  nowMs: number,
): IterableIterator<MemberView> {
  for (const member of members.others()) {
    const lag = own ? Math.max(0, own.clock - concerns.clockOf(own.log, member.store)) : 0
    yield { ...member, lag, phi: members.phi(member.store, nowMs) }
  }
}
