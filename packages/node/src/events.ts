import { EventEmitter } from 'node:events'
import type { TallymeshError } from '@tallymesh/crdt'
import type { MemberState } from '@tallymesh/replica'

/** `opening`: not ready to count, at the start or while a failed disk is reopened. `failed`: for good, until it is closed. */
export type NodeStatus = 'opening' | 'ready' | 'draining' | 'closed' | 'failed'

/** What a node tells of a peer whose state changed. */
export interface PeerEvent {
  readonly name: string
  /** Names the peer's data directory, whatever it is called. */
  readonly store: string
  readonly state: MemberState
}

/** An own commit that became durable. */
export interface CommitEvent {
  /** Totals that it changed, and member records and adopted slots that it carries. */
  readonly entries: number
  /** Of its update, as it is stored and sent. */
  readonly bytes: number
  /** In the store's write, the sync included. */
  readonly writeMs: number
  /** From forming it to acknowledging it. */
  readonly totalMs: number
}

/** The events of a node, with what their listeners get. */
export interface NodeEvents {
  /** A member came up, is suspected, or is down. */
  peer: [PeerEvent]
  /** Something went wrong that somebody should know of; where a promise was refused for it too, it is the same error. */
  error: [TallymeshError]
  status: [NodeStatus]
  /** A commit of this node became durable. Commits are timed only while somebody listens. */
  commit: [CommitEvent]
}

/** Errors that wait for the first listener, at most. */
const EARLY_MAX = 100

/** Emits a node's events. An `error` that nobody listens for never ends the process; those from before the first listener
 *  wait for it, because what opening finds wrong is found before anybody can listen. A listener that throws does so on its
 *  own, not in the middle of a commit. */
export class NodeEmitter {
  readonly #emitter = new EventEmitter()
  /** Undefined once somebody listened. */
  #early: TallymeshError[] | undefined = []

  on<Event extends keyof NodeEvents>(event: Event, listener: (...args: NodeEvents[Event]) => void): void {
    this.#emitter.on(event, listener)
    if (event !== 'error' || !this.#early) return
    const early = this.#early
    this.#early = undefined
    for (const error of early) this.emit('error', error)
  }

  off<Event extends keyof NodeEvents>(event: Event, listener: (...args: NodeEvents[Event]) => void): void {
    this.#emitter.off(event, listener)
  }

  /** Whether anybody listens. */
  wants(event: keyof NodeEvents): boolean {
    return this.#emitter.listenerCount(event) > 0
  }

  emit<Event extends keyof NodeEvents>(event: Event, ...args: NodeEvents[Event]): void {
    if (event === 'error' && this.#early) {
      if (this.#early.length < EARLY_MAX) this.#early.push(args[0] as TallymeshError)
      return
    }
    if (this.#emitter.listenerCount(event) === 0) return
    queueMicrotask(() => {
      if (this.#emitter.listenerCount(event) > 0) this.#emitter.emit(event, ...args)
    })
  }
}
