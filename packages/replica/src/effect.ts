import type { AdoptedEntry, CommitMark, LogWrite, ReplicaId, StoreId, TallymeshError } from '@tallymesh/crdt'

/** How the outside names a link; never used again after `closed`. */
export type LinkId = number

/** What a peer says of itself when its link opens. */
export interface PeerIdentity {
  readonly name: string
  readonly store: StoreId
  /** Random for each process. */
  readonly instance: string
  readonly replica: ReplicaId | 0
  readonly urls: readonly string[]
}

/** How many stores must confirm: a number, this one included, or more than half of the members. */
export type WriteConcern = number | 'majority'

/** What happens to a replica. */
export type Input =
  /** Time passed: to be said twice in each heartbeat interval, or more often. Only differences count, and those are bounded: a
   *  clock that jumps changes nothing. `wallMs`, in ms since 1970, only tells new operations from old ones. */
  | { readonly type: 'tick'; readonly nowMs: number; readonly wallMs?: number }
  | { readonly type: 'open'; readonly link: LinkId; readonly peer: PeerIdentity; readonly dialed: boolean }
  | { readonly type: 'closed'; readonly link: LinkId }
  | { readonly type: 'frame'; readonly link: LinkId; readonly kind: number; readonly body: Uint8Array }
  /** Asks for a `persist` effect with all that waits, unless one is under way. */
  | { readonly type: 'flush' }
  /** The last `persist` effect is durable, and the witness knows of it. */
  | { readonly type: 'persisted' }
  /** Follows the commit that `increment` counts into now, until `replicas` stores confirm it. */
  | { readonly type: 'await'; readonly ticket: number; readonly replicas: WriteConcern; readonly timeoutMs: number }
  /** Carries slots of other replicas, or of earlier ids, in the own log: what an export holds. */
  | { readonly type: 'adopt'; readonly entries: readonly AdoptedEntry[] }
  /** Takes a member out of the room for good. */
  | { readonly type: 'remove'; readonly store: StoreId }
  /** Takes this node itself out, once everybody holds what it knows: see `Leaving`. Nothing is counted any more. */
  | { readonly type: 'leave' }

export type MemberState = 'up' | 'suspect' | 'down'

/** What the outside has to do, in this order. */
export type Effect =
  /** Make this durable, atomically; then write the witness if there is a `commit`; then say `persisted`. */
  | { readonly type: 'persist'; readonly logs: readonly LogWrite[]; readonly commit: CommitMark | undefined }
  | { readonly type: 'send'; readonly link: LinkId; readonly kind: number; readonly body: Uint8Array }
  | { readonly type: 'close'; readonly link: LinkId; readonly reason: TallymeshError | undefined }
  /** The commit is durable: everything counted into it is acknowledged. */
  | { readonly type: 'acknowledge'; readonly commit: number }
  /** The wanted number of stores confirmed the ticket's commit. */
  | { readonly type: 'confirmed'; readonly ticket: number }
  | { readonly type: 'unconfirmed'; readonly ticket: number; readonly confirmed: number; readonly wanted: number }
  /** Operations may be taken from now on. */
  | { readonly type: 'admitted' }
  /** The values of these keys (by table id) changed. */
  | { readonly type: 'changed'; readonly ids: readonly number[] }
  | { readonly type: 'member'; readonly store: StoreId; readonly name: string; readonly state: MemberState }
  /** An operator should know. */
  | { readonly type: 'report'; readonly error: TallymeshError }
