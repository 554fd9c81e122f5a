import { TallymeshError } from '@tallymesh/crdt'
import { type Channel, HANDSHAKE_MS, type LinkSession } from '@tallymesh/link'
import type { Receiver, Signal, SimPipe, Surroundings } from './sim-pipe.js'
import type { SimPlace } from './sim-place.js'

/** As for WebSockets: how long it may take until a dialed address has answered, and until a closing handshake is through. */
const CONNECT_TIMEOUT_MS = 5000
const CLOSE_MS = 1000

/** The connection that an end belongs to. */
export interface Connected {
  readonly url: string
  /** The dialer's request came to this end. */
  accept(): void
  /** One end is over. */
  ended(): void
}

/** One end of a connection, below its link. The end is over once its session was told, or its process is gone. */
export class SimChannel implements Channel, Receiver {
  /** Missing at the dialed end until the request is there. */
  session: LinkSession | undefined
  over = false
  readonly #around: Surroundings
  #closing = false
  #cancelLimit: (() => void) | undefined

  constructor(
    readonly place: SimPlace,
    readonly incoming: SimPipe,
    readonly outgoing: SimPipe,
    readonly connection: Connected,
  ) {
    incoming.receiver = this
    this.#around = incoming.around
  }

  get queuedBytes(): number {
    return this.outgoing.queuedBytes
  }

  write(message: Uint8Array): void {
    if (!this.over) this.outgoing.send(message)
  }

  end(reason: TallymeshError | undefined): void {
    if (this.over || this.#closing) return
    this.#closing = true
    const lost = reason && new TallymeshError('LINK_FAILED', `the connection broke: it was closed with ${reason.code}`)
    this.outgoing.signal({ type: 'close', lost })
    this.#limit(CLOSE_MS, () => this.finish(brokenLink()))
  }

  cut(): void {
    if (this.over) return
    this.#closing = true
    this.#leave()
    this.#limit(0, () => this.finish(brokenLink()))
  }

  /** Asks the dialed end to answer. */
  dial(): void {
    this.outgoing.signal({ type: 'dial' })
    this.#limit(CONNECT_TIMEOUT_MS, () => {
      this.#around.injected.unanswered++
      this.#leave()
      const what = `${this.connection.url} did not answer within ${CONNECT_TIMEOUT_MS} ms`
      this.finish(new TallymeshError('LINK_FAILED', `${what}; is the node up, and does the network let it through?`))
    })
  }

  /** Nobody listens here. The system of this end says so, so it is over before it began. */
  refuse(): void {
    this.#around.injected.refused++
    const what = `${this.connection.url} could not be reached: the connection was refused`
    this.outgoing.signal({ type: 'refused', reason: new TallymeshError('LINK_FAILED', `${what}; is the node up?`) })
    this.vanish(true)
  }

  /** Says hello, and waits so long for the other one. */
  start(): void {
    this.#limit(HANDSHAKE_MS, () => {
      if (this.session?.greeting) this.session.fail(helloOverdue())
    })
    this.session?.start()
  }

  receive(message: Uint8Array): void {
    this.session?.receive(message)
  }

  hear(signal: Signal): void {
    switch (signal.type) {
      case 'dial':
        return this.connection.accept()
      case 'connected':
        // An attempt may be given up at the very moment.
        if (!this.#closing) this.start()
        return
      case 'refused':
        return this.finish(signal.reason)
      case 'close':
        this.outgoing.signal({ type: 'closed' })
        return this.finish(signal.lost)
      case 'closed':
        return this.finish(undefined)
      case 'gone':
        return this.finish(brokenLink())
      default: {
        const unreachable: never = signal
        return unreachable
      }
    }
  }

  /** The connection is over for this end: its session is told. */
  finish(lost: TallymeshError | undefined): void {
    if (this.#stop(false)) this.session?.ended(lost)
  }

  /** The process is gone, and hears nothing more. What it sent may still arrive, as from the buffers of its system.
   *  @param silent whether the system is gone, too, and the other end is not told */
  vanish(silent: boolean): boolean {
    if (!this.#stop(silent)) return false
    if (!silent) this.#leave()
    return true
  }

  /** The network breaks the connection: what is on its way is lost, and this end notices soon. */
  break(): void {
    this.incoming.close(false)
    if (this.over) return
    this.#closing = true
    this.#limit(this.incoming.conditions.next() * this.incoming.conditions.delayMsMax, () => this.finish(brokenLink()))
  }

  /** Tells the other end that this one is no more: behind all that was sent, or by a reset that the last of it does not
   *  outrun. */
  #leave(): void {
    this.outgoing.signal({ type: 'gone' }, this.outgoing.conditions.next() < 0.5)
  }

  /** @param dark whether what the other end sends is never confirmed */
  #stop(dark: boolean): boolean {
    if (this.over) return false
    this.over = true
    this.#limit(0, undefined)
    this.incoming.close(dark)
    this.connection.ended()
    return true
  }

  /** Replaces what was to happen to this end if nothing else did by then. */
  #limit(afterMs: number, act: (() => void) | undefined): void {
    this.#cancelLimit?.()
    this.#cancelLimit = act && this.#around.time.after(afterMs, () => this.place.happen(() => this.over || act()))
  }
}

export function brokenLink(): TallymeshError {
  return new TallymeshError('LINK_FAILED', 'the connection broke')
}

function helloOverdue(): TallymeshError {
  const what = `the other side said no hello within ${HANDSHAKE_MS} ms`
  return new TallymeshError('LINK_FAILED', `${what}; it hangs, or it does not speak the tallymesh protocol`)
}
