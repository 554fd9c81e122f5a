import { TallymeshError } from '@tallymesh/crdt'
import type { MemberState } from '@tallymesh/replica'

/** A member of the room, as one node sees it. */
export interface MemberInfo {
  readonly name: string
  /** Names the member's data directory: what a member is counted by. */
  readonly store: string
  /** Where it can be dialed; undefined for a node that only dials. */
  readonly url: string | undefined
  readonly state: MemberState
  /** Batches of this node's own log that the member has not confirmed as durable; 0 for this node itself. */
  readonly lag: number
  /** Whether it is this node. */
  readonly self: boolean
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
