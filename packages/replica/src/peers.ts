import { type LogPoint, type ReplicaId, type StoreId, TallymeshError } from '@tallymesh/crdt'
import type { Effect, LinkId, PeerIdentity } from './effect.js'
import { encodeMessage, type Message } from './protocol.js'
import { PeerStand } from './stands.js'

/** What is known of the peer at the other end of a link. */
export interface Peer {
  readonly link: LinkId
  readonly identity: PeerIdentity
  /** The peer's live replica id now. */
  replica: ReplicaId | 0
  /** The replica ids that the peer is directly linked to: their commits need no relay through here. */
  linked: ReadonlySet<ReplicaId>
  /** Up to which clock the peer is known to hold each log, without gaps. */
  readonly has: Map<ReplicaId, number>
  /** Logs in which the peer may be ahead. */
  readonly wanted: Set<ReplicaId>
  /** Logs asked for on this link and not answered yet, and from which clock on. */
  readonly pulling: Map<ReplicaId, number>
  /** Whether an answer came since the last comparison of clocks. */
  answered: boolean
  /** Questions for the own log, which waits for the commit in flight. */
  readonly asked: Map<ReplicaId, number>
  /** The peer said on this link what it holds. */
  said: boolean
  /** What it holds of the own log may be another history of it, written by a process that this one was set back behind: until it
   *  is seen to hold the same, or what was written here when the link opened. */
  unproven: LogPoint | undefined
  /** The sum over the peer's logs did not equal the own one at its last heartbeat. */
  differs: boolean
  /** Where it stands. */
  readonly stand: PeerStand
}

/** The peers that are linked now. */
export class Peers {
  readonly #peers = new Map<LinkId, Peer>()

  constructor(readonly effects: Effect[]) {}

  open(link: LinkId, identity: PeerIdentity): Peer {
    const { replica } = identity
    const peer: Peer = {
      link,
      identity,
      replica,
      linked: new Set(),
      has: new Map(),
      wanted: new Set(),
      pulling: new Map(),
      answered: false,
      asked: new Map(),
      said: false,
      unproven: undefined,
      differs: false,
      stand: new PeerStand(),
    }
    this.#peers.set(link, peer)
    return peer
  }

  close(link: LinkId): void {
    this.#peers.delete(link)
  }

  get(link: LinkId): Peer | undefined {
    return this.#peers.get(link)
  }

  [Symbol.iterator](): IterableIterator<Peer> {
    return this.#peers.values()
  }

  get size(): number {
    return this.#peers.size
  }

  /** Whether some peer counts under this id now. */
  hasReplica(replica: ReplicaId): boolean {
    for (const peer of this) if (peer.replica === replica) return true
    return false
  }

  hasStore(store: StoreId): boolean {
    for (const { identity } of this) if (identity.store === store) return true
    return false
  }

  /** Whether a peer of this name is linked that has this store. */
  hasCopy(store: StoreId, name: string): boolean {
    for (const { identity } of this) if (identity.store === store && identity.name === name) return true
    return false
  }

  /** Sends, unless the link was closed in the middle of this step. */
  send(peer: Peer, message: Message): void {
    if (this.#peers.get(peer.link) !== peer) return
    const { kind, body } = encodeMessage(message)
    this.effects.push({ type: 'send', link: peer.link, kind, body })
  }

  /** Sends the same to all. */
  sendAll(message: Message): void {
    if (this.#peers.size === 0) return
    const { kind, body } = encodeMessage(message)
    for (const link of this.#peers.keys()) this.effects.push({ type: 'send', link, kind, body })
  }
}

/** Whether what a peer says to hold of the own log, up to `clock`, is what this node wrote. */
export function isProven({ said, unproven }: Peer, log: ReplicaId, clock: number): boolean {
  return said && (unproven?.log !== log || clock >= unproven.clock)
}

/** Why the link of a peer is cut from which nothing is heard: half open, it could not be made anew. */
export function fellSilent(peer: Peer | undefined): TallymeshError {
  return new TallymeshError('LINK_FAILED', `${peer?.identity.name} fell silent; the link was cut`)
}
