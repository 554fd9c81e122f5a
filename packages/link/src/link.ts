import type { ReplicaId, StoreId, TallymeshError } from '@tallymesh/crdt'

/** What each side says first on a link. */
export interface Hello {
  readonly version: number
  readonly room: string
  readonly name: string
  readonly store: StoreId
  /** Random, made anew by each process: a node that dials itself meets its own. 32 hexadecimal digits. */
  readonly instance: string
  /** The live replica id, or 0 while the node has none. */
  readonly replica: ReplicaId | 0
  /** Where others can dial this node; empty for a node that only dials. */
  readonly urls: readonly string[]
}

/** A connection to a peer whose hello this side accepted. The peer may still refuse this side; then `closed` follows with
 *  its reason. */
export interface Link {
  /** What the peer said of itself. */
  readonly peer: Hello
  /** The URL that was dialed, or undefined on the side that was dialed. */
  readonly dialed: string | undefined
  /** Bytes handed to `send` that the network has not taken yet. */
  readonly queuedBytes: number
  /** Queues one frame; frames arrive in order or the link closes. Never blocks, and copies `body`. A queue past its bound
   *  closes the link with PEER_SLOW, and the frame is dropped; a closed link ignores the call.
   *  @param kind 16 to 255 (the kinds below belong to the link itself)
   *  @param body at most FRAME_BODY_BYTES_MAX bytes
   *  @throws TallymeshError INVALID_OPTION for another kind, FRAME_TOO_LARGE for a longer body; the link stays open */
  send(kind: number, body: Uint8Array): void
  /** Closes the link once what was sent has left, or after a bounded time, and tells the peer why, if a reason is given.
   *  No frame is delivered here from now on. `closed` follows once, on both sides; a second call is ignored. */
  close(reason?: TallymeshError): void
}

/** What a link tells its owner. For one link: one `open`, any number of `frame`, one `closed`. None of them is called from
 *  within a call of `send` or `close`, so the owner may call these while it walks its links. */
export interface LinkEvents {
  open(link: Link): void
  /** @param body a view of what the network brought, for the owner alone; to keep a small part of it for long, copy it */
  frame(link: Link, kind: number, body: Uint8Array): void
  /** The link ended; `reason` where it was not an ordinary close, on either side. */
  closed(link: Link, reason: TallymeshError | undefined): void
  /** A connection that never became a link: refused by either side, or damaged before the hello. */
  refused(reason: TallymeshError, dialed: string | undefined): void
}

/** How this side presents itself and whom it accepts. */
export interface Handshake {
  /** What to say now; asked anew for each link. */
  hello(): Hello
  /** Refuses a peer, with the reason that it will be told; undefined accepts it. Room and version are checked before. */
  admit(peer: Hello): TallymeshError | undefined
}

/** One attempt to dial a peer. */
export interface Dialing {
  /** Gives the attempt up; none of its events is called then. Nothing once the link is open: close that instead. */
  cancel(): void
}
