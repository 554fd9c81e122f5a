import { TallymeshError } from '@tallymesh/crdt'
import { HANDSHAKE_MS, helloOverdue } from './handshake.js'
import type { Dialing, Handshake, LinkEvents } from './link.js'
import { LinkSession, QUEUE_BYTES_MAX } from './link-session.js'
import { broken, MemoryChannel } from './memory-channel.js'

const DELIVERIES_MAX = 10_000_000

/** A node of a network in memory. */
export interface MemoryEnd {
  readonly handshake: Handshake
  readonly events: LinkEvents
  /** As for a WebSocket link. Default 8 MiB. */
  readonly queueBytesMax?: number
}

/**
 * Links in memory, with the contract, the handshake and the bytes of real ones, for tests and simulations. Nothing
 * happens by itself: every event of every node is called from `deliver`, in an order that depends on nothing but the
 * calls made, so that a run can be repeated. There is no clock either: what a time limit would refuse, a call of
 * `expireHandshakes` refuses.
 *
 * Nodes are known by any text, such as the URLs under which others dial them.
 */
export class MemoryNetwork {
  readonly #ends = new Map<string, MemoryEnd>()
  #channels: MemoryChannel[] = []
  readonly #cut = new Set<string>()
  readonly #stalled = new Set<string>()
  readonly #damaged = new Set<string>()
  #order = 0

  /** Adds a node, which others may dial from now on.
   *  @throws TallymeshError INVALID_OPTION when the name is taken */
  join(name: string, end: MemoryEnd): void {
    if (this.#ends.has(name)) throw new TallymeshError('INVALID_OPTION', `node ${JSON.stringify(name)} joined already`)
    this.#ends.set(name, end)
  }

  /** Takes a node away as a crash does: it hears nothing more, and its peers find their links broken. */
  leave(name: string): void {
    this.#ends.delete(name)
    for (const channel of this.#channels) if (channel.name === name) channel.vanish()
  }

  /** Dials `to` from `from`: `dialWs` of this network.
   *  @throws TallymeshError INVALID_OPTION when `from` has not joined */
  connect(from: string, to: string): Dialing {
    const dialer = this.#ends.get(from)
    if (dialer === undefined) {
      throw new TallymeshError('INVALID_OPTION', `node ${JSON.stringify(from)} must join before it dials`)
    }
    const near = new MemoryChannel(from, () => this.#order++)
    const far = new MemoryChannel(to, () => this.#order++)
    near.other = far
    far.other = near
    near.session = session(dialer, near, to)
    this.#channels.push(near)
    const acceptor = this.#ends.get(to)
    if (acceptor === undefined || this.#cut.has(pair(from, to))) {
      near.break(new TallymeshError('LINK_FAILED', `${to} could not be reached; is the node up?`))
    } else {
      far.session = session(acceptor, far, undefined)
      this.#channels.push(far)
      near.start()
      far.start()
    }
    return { cancel: () => near.session.abandon() }
  }

  /** Breaks all links between two nodes, with what is on its way, and lets none be made until `heal`. */
  cut(a: string, b: string): void {
    this.#cut.add(pair(a, b)).add(pair(b, a))
    for (const channel of this.#channels) {
      if (this.#cut.has(pair(channel.name, channel.other.name)) && !channel.finished) channel.break(broken())
    }
  }

  /** Holds everything that `from` sends to `to`, the end of a link included, until `heal`: a network that is silent in
   *  one direction, or a node that does not read. */
  stall(from: string, to: string): void {
    this.#stalled.add(pair(from, to))
  }

  /** Undoes `cut` and `stall` between two nodes, in both directions. Links that broke stay so. */
  heal(a: string, b: string): void {
    for (const key of [pair(a, b), pair(b, a)]) {
      this.#cut.delete(key)
      this.#stalled.delete(key)
    }
  }

  /** Flips a bit of the next message that is delivered from `from` to `to`. */
  damage(from: string, to: string): void {
    this.#damaged.add(pair(from, to))
  }

  /** Ends every connection on which one side has not heard a hello, as the time limit of a real link does. */
  expireHandshakes(): void {
    for (const { session } of this.#channels) if (session.greeting) session.fail(helloOverdue(HANDSHAKE_MS))
  }

  /** Lets one thing happen: a connection made, a message delivered or an end noticed. Order holds within each direction
   *  of a link; across links it is that in which things were sent, unless `choose` says otherwise. O(links).
   *  @param choose picks one of `count` links by its index, from 0
   *  @returns false when nothing was left to happen */
  deliver(choose?: (count: number) => number): boolean {
    const ready: MemoryChannel[] = []
    let first: MemoryChannel | undefined
    let firstOrder = Number.POSITIVE_INFINITY
    for (const channel of this.#channels) {
      const order = channel.nextOrder(this.#stalled.size > 0 && this.#stalled.has(into(channel)))
      if (order === undefined) continue
      ready.push(channel)
      if (order < firstOrder) [first, firstOrder] = [channel, order]
    }
    const channel = choose === undefined || first === undefined ? first : ready[choose(ready.length)]
    if (channel === undefined) return false
    channel.deliver(channel.nextIsMessage && this.#damaged.size > 0 && this.#damaged.delete(into(channel)))
    if (channel.finished) this.#channels = this.#channels.filter(({ finished }) => !finished)
    return true
  }

  /** Delivers until nothing is left to happen, what nodes do meanwhile included.
   *  @returns how many things happened
   *  @throws TallymeshError LINK_FAILED when nodes answer each other without end */
  deliverAll(choose?: (count: number) => number): number {
    for (let count = 0; count < DELIVERIES_MAX; count++) if (!this.deliver(choose)) return count
    throw new TallymeshError('LINK_FAILED', `nothing came to rest in ${DELIVERIES_MAX} deliveries; do nodes echo?`)
  }
}

function session(end: MemoryEnd, channel: MemoryChannel, dialed: string | undefined): LinkSession {
  const { handshake, events, queueBytesMax = QUEUE_BYTES_MAX } = end
  return new LinkSession({ handshake, events, channel, dialed, queueBytesMax })
}

/** The direction in which the messages of `channel` come. */
function into(channel: MemoryChannel): string {
  return pair(channel.other.name, channel.name)
}

/** A key for what holds from one node to another. */
function pair(from: string, to: string): string {
  return JSON.stringify([from, to])
}
