import { type Handshake, type LinkEvents, LinkSession, QUEUE_BYTES_MAX, type Traffic } from '@tallymesh/link'
import type { Conditions } from './conditions.js'
import { type Connected, SimChannel } from './sim-channel.js'
import { SimPipe, type Surroundings } from './sim-pipe.js'
import type { SimPlace } from './sim-place.js'

/** What a node gives for its links. */
export interface Wire {
  readonly handshake: Handshake
  readonly events: LinkEvents
  readonly traffic?: Traffic | undefined
  /** As for a WebSocket link. Default 8 MiB. */
  readonly queueBytesMax?: number | undefined
}

export interface SimConnectionOptions {
  readonly around: Surroundings
  readonly url: string
  readonly there: Conditions
  readonly back: Conditions
  readonly nearPlace: SimPlace
  readonly farPlace: SimPlace
  /** Who listens where the dialer's request arrived. */
  readonly accept: () => Wire | undefined
  /** Both ends are over. */
  readonly over: (connection: SimConnection) => void
}

/** A connection from the dialer's request on: two ends, and a pipe each way. */
export class SimConnection implements Connected {
  readonly near: SimChannel
  readonly far: SimChannel
  readonly #options: SimConnectionOptions

  constructor(options: SimConnectionOptions, wire: Wire) {
    const { around, there, back, nearPlace, farPlace } = options
    this.#options = options
    const forth = new SimPipe(around, there, farPlace)
    const home = new SimPipe(around, back, nearPlace)
    this.near = new SimChannel(nearPlace, home, forth, this)
    this.far = new SimChannel(farPlace, forth, home, this)
    this.near.session = session(wire, this.near, this.url)
    this.near.dial()
  }

  get there(): Conditions {
    return this.#options.there
  }

  get url(): string {
    return this.#options.url
  }

  /** Whether it runs between these places, in either direction. */
  joins(a: SimPlace, b: SimPlace): boolean {
    const { nearPlace, farPlace } = this.#options
    return (nearPlace === a && farPlace === b) || (nearPlace === b && farPlace === a)
  }

  accept(): void {
    const { far } = this
    const wire = this.#options.accept()
    if (wire === undefined) {
      far.refuse()
      return
    }
    far.session = session(wire, far, undefined)
    far.outgoing.signal({ type: 'connected' })
    far.start()
  }

  ended(): void {
    // Nobody hears of a request that was given up.
    if (this.near.over && this.far.session === undefined) this.far.vanish(true)
    if (this.near.over && this.far.over) this.#options.over(this)
  }

  /** The conditions are other ones now. What waited for the end of a cut is sent again and arrives, in order; or, as drawn, the
   *  connection has not outlived the cut, and what waited is lost. */
  resume(): void {
    const { around, there } = this.#options
    const forth = this.near.outgoing.resume()
    const home = this.far.outgoing.resume()
    if ((!forth && !home) || this.far.session === undefined || there.next() < 0.5) return
    around.injected.broken++
    this.break()
  }

  /** Breaks it for both ends. What is on its way is lost. */
  break(): void {
    this.near.break()
    this.far.break()
  }
}

function session(wire: Wire, channel: SimChannel, dialed: string | undefined): LinkSession {
  const { handshake, events, traffic, queueBytesMax = QUEUE_BYTES_MAX } = wire
  return new LinkSession({ handshake, events, channel, dialed, queueBytesMax, traffic })
}
