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
