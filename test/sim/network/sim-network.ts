import { type Dialing, parsePeerUrl } from '@tallymesh/link'
import type { Draw } from '../draw.js'
import type { NodeName } from '../plan/command.js'
import type { VirtualTime } from '../virtual-time.js'
import { Conditions, type Share } from './conditions.js'
import { SimConnection, type Wire } from './sim-connection.js'
import type { Injected, Surroundings } from './sim-pipe.js'
import { SimPlace } from './sim-place.js'

export type { Share } from './conditions.js'
export type { Wire } from './sim-connection.js'

export interface SimNetworkOptions {
  readonly time: VirtualTime
  readonly draw: Draw
  /** How long a frame takes where no command says otherwise: drawn anew for each, ms. */
  readonly delayMs: readonly [min: number, max: number]
}

/**
 * Links in virtual time between the processes of a room: the sessions, frames and checksums of real links over simulated
 * connections. Everything that a process hears is called from virtual time, never from within a call of this class or of a link.
 *
 * Within a direction of a connection frames arrive in the order in which they were sent, as with TCP, unless a share says
 * otherwise. A cut is silent: what arrives while it lasts waits, and the heartbeats of the processes must find it. When it is
 * healed, each connection in which something waited either goes on, as by TCP's sending again, or is broken for both ends and has
 * lost what waited; which, is drawn. A connection that an end closed during the cut is over for that end all the same.
 */
export class SimNetwork implements Surroundings {
  /** Is called with each message that enters the network, whatever becomes of it. */
  tap: ((from: NodeName, to: NodeName, bytes: Uint8Array) => void) | undefined
  readonly time: VirtualTime
  readonly injected: Injected = {
    lost: 0,
    repeated: 0,
    damaged: 0,
    overtaken: 0,
    clogged: 0,
    stalled: 0,
    broken: 0,
    dropped: 0,
    vanished: 0,
    refused: 0,
    unanswered: 0,
  }
  /** How many messages and signals are on their way. */
  inFlight = 0
  readonly #options: SimNetworkOptions
  readonly #listeners = new Map<string, { readonly name: NodeName; readonly wire: Wire }>()
  /** The one form of each URL that was read. */
  readonly #addresses = new Map<string, string>()
  /** Where an address leads, also while nobody listens there. */
  readonly #names = new Map<string, NodeName>()
  readonly #places = new Map<NodeName, SimPlace>()
  readonly #conditions = new Map<NodeName, Map<NodeName, Conditions>>()
  readonly #connections = new Set<SimConnection>()

  constructor(options: SimNetworkOptions) {
    this.#options = options
    this.time = options.time
  }

  /** The process at `name` takes links at `url` from now on. @throws Error where another process does */
  listen(url: string, name: NodeName, wire: Wire): void {
    const address = this.#address(url)
    const taken = this.#listeners.get(address)
    if (taken !== undefined) throw new Error(`${name} cannot listen at ${url}: ${taken.name} does`)
    this.#listeners.set(address, { name, wire })
    this.#names.set(address, name)
  }

  /** The process is gone: it hears nothing more, and nobody listens at its addresses. What it sent before still arrives, or the
   *  last of it is lost, as drawn; then its peers find their links broken.
   *  @param silent whether the whole machine is gone, so that nobody tells the peers */
  vanish(name: NodeName, silent = false): void {
    for (const [address, listener] of this.#listeners) if (listener.name === name) this.#listeners.delete(address)
    const place = this.#place(name)
    place.clear()
    for (const { near, far } of this.#connections) {
      for (const end of [near, far]) if (end.place === place && end.vanish(silent)) this.injected.vanished++
    }
  }

  /** Dials once: `dialWs` of this network. What follows is one `refused`, or `open` and later `closed`.
   *  @throws TallymeshError INVALID_URL */
  dial(from: NodeName, url: string, wire: Wire): Dialing {
    const address = this.#address(url)
    const to = this.#names.get(address) ?? address
    const connection = new SimConnection(
      {
        around: this,
        url: address,
        there: this.#between(from, to),
        back: this.#between(to, from),
        nearPlace: this.#place(from),
        farPlace: this.#place(to),
        accept: () => {
          const listener = this.#listeners.get(address)
          return listener?.name === to ? listener.wire : undefined
        },
        over: over => this.#connections.delete(over),
      },
      wire,
    )
    this.#connections.add(connection)
    return { cancel: () => connection.near.session?.abandon() }
  }

  /** Lets the process stand still, or go on. What it is to hear waits for it, in order; its system takes what arrives. */
  pause(name: NodeName, paused: boolean): void {
    this.#place(name).pause(paused)
  }

  /** Cuts one direction. */
  cut(from: NodeName, to: NodeName): void {
    this.#between(from, to).cut = true
  }

  /** Ends everything that was set between two places, in both directions; between `a` and all others; or everywhere. */
  heal(a?: NodeName, b?: NodeName): void {
    const heals = (x: NodeName, y: NodeName) => a === undefined || (x === a && (b === undefined || y === b))
    const concerns = ({ from, to }: Conditions) => heals(from, to) || heals(to, from)
    for (const all of this.#conditions.values()) {
      for (const conditions of all.values()) if (concerns(conditions)) conditions.heal()
    }
    for (const connection of this.#connections) if (concerns(connection.there)) connection.resume()
  }

  /** Each frame takes `ms` and a drawn part of `jitterMs`. */
  delay(from: NodeName, to: NodeName, ms: number, jitterMs: number): void {
    this.#between(from, to).setDelay(ms, jitterMs)
  }

  /** @param percent how many of the frames, 0 to 100 */
  setShare(share: Share, from: NodeName, to: NodeName, percent: number): void {
    this.#between(from, to).setShare(share, percent)
  }

  /** Holds what arrives for `ms` from now on, then lets it through at once. */
  clog(from: NodeName, to: NodeName, ms: number): void {
    const conditions = this.#between(from, to)
    conditions.clogUntilMs = Math.max(conditions.clogUntilMs, this.time.nowMs + ms)
  }

  /** Breaks all connections between two places for both ends; they may dial again at once. */
  drop(a: NodeName, b: NodeName): void {
    for (const connection of this.#connections) {
      if (!connection.joins(this.#place(a), this.#place(b))) continue
      this.injected.dropped++
      connection.break()
    }
  }

  #address(url: string): string {
    let address = this.#addresses.get(url)
    if (address === undefined) this.#addresses.set(url, (address = parsePeerUrl(url)))
    return address
  }

  #place(name: NodeName): SimPlace {
    let place = this.#places.get(name)
    if (place === undefined) this.#places.set(name, (place = new SimPlace(this.time)))
    return place
  }

  #between(from: NodeName, to: NodeName): Conditions {
    let all = this.#conditions.get(from)
    if (all === undefined) this.#conditions.set(from, (all = new Map()))
    let conditions = all.get(to)
    if (conditions === undefined) {
      all.set(to, (conditions = new Conditions(from, to, this.#options.draw, this.#options.delayMs)))
    }
    return conditions
  }
}
