import { TallymeshError } from '@tallymesh/crdt'
import { decodeFrame, encodeFrame, FRAME_HELLO, FRAME_KIND_OWNER_MIN, FRAME_REFUSAL, type Frame } from './frame.js'
import { asTallymeshError, judgeFirstFrame } from './handshake.js'
import { encodeHello } from './hello.js'
import type { Handshake, Hello, Link, LinkEvents } from './link.js'
import { decodeRefusal, encodeRefusal } from './refusal.js'
import type { Traffic } from './traffic.js'

/** The most bytes that a link queues, unless told otherwise: 8 MiB. */
export const QUEUE_BYTES_MAX = 8 * 1_048_576

/** What carries the messages of one link. It answers `end` and `cut` with one call of `LinkSession.ended`, later, never
 *  from within, and delivers nothing after that. */
export interface Channel {
  /** Bytes written that the network has not taken. */
  readonly queuedBytes: number
  write(message: Uint8Array): void
  /** Ends once what was written is sent, or after a bounded time. */
  end(reason: TallymeshError | undefined): void
  /** Ends at once; what was written may be lost. */
  cut(): void
}

export interface LinkSessionOptions {
  readonly handshake: Handshake
  readonly events: LinkEvents
  readonly channel: Channel
  readonly dialed: string | undefined
  readonly queueBytesMax: number
  /** Counts the frames of this link, among others. */
  readonly traffic?: Traffic | undefined
}

/**
 * One link over one channel: `greeting` until the peer's hello is judged, `open` while frames flow, `ending` until the
 * channel has ended, `ended`. From a greeting, a refusal leads to `ended` at once.
 *
 * Invariant: `refused` is called only while greeting, `frame` only while open, `closed` only on the step from open or
 * ending to ended; so each is called at most once or in its place, and none from within `send` or `close`.
 */
export class LinkSession implements Link {
  /** Set before `open` hands this object to the owner, and never changed. */
  peer!: Hello
  readonly dialed: string | undefined
  readonly #options: LinkSessionOptions
  #own: Hello | undefined
  #state: 'greeting' | 'open' | 'ending' | 'ended' = 'greeting'
  #reason: TallymeshError | undefined

  constructor(options: LinkSessionOptions) {
    this.#options = options
    this.dialed = options.dialed
  }

  get greeting(): boolean {
    return this.#state === 'greeting'
  }

  get queuedBytes(): number {
    return this.#options.channel.queuedBytes
  }

  /** Says hello. */
  start(): void {
    const { handshake } = this.#options
    try {
      this.#own = handshake.hello()
      this.#write(FRAME_HELLO, encodeFrame(FRAME_HELLO, encodeHello(this.#own)))
    } catch (error) {
      this.fail(asTallymeshError(error))
    }
  }

  send(kind: number, body: Uint8Array): void {
    if (this.#state !== 'open') return
    if (kind < FRAME_KIND_OWNER_MIN) {
      const range = `kinds below ${FRAME_KIND_OWNER_MIN} belong to the link`
      throw new TallymeshError('INVALID_OPTION', `${range}, got ${kind}`)
    }
    const message = encodeFrame(kind, body)
    const { channel, queueBytesMax } = this.#options
    const queued = channel.queuedBytes
    // An empty queue takes any frame, however low its bound.
    if (queued === 0 || queued + message.length <= queueBytesMax) {
      this.#write(kind, message)
      return
    }
    this.#state = 'ending'
    this.#reason = peerSlow(this.peer, queued, queueBytesMax)
    // The peer does not read, so it would read neither a reason nor a closing handshake.
    channel.cut()
  }

  close(reason?: TallymeshError): void {
    if (this.#state === 'open') this.#finish(reason, reason !== undefined)
  }

  /** Takes one message of the channel. */
  receive(message: Uint8Array): void {
    if (this.#state === 'greeting') this.#greet(message)
    else if (this.#state === 'open') this.#take(message)
  }

  /** Ends the link, or refuses it while greeting, because of what the channel saw.
   *  @param tell whether the peer can still be told */
  fail(reason: TallymeshError, tell = true): void {
    if (this.#state === 'greeting') this.#refuse(reason, tell)
    else if (this.#state === 'open') this.#finish(reason, tell)
  }

  /** Gives up a greeting without telling anybody; nothing for a link that is open. */
  abandon(): void {
    if (this.#state !== 'greeting') return
    this.#state = 'ended'
    this.#options.channel.cut()
  }

  /** The channel is gone.
   *  @param lost why, unless both sides wanted it; ignored where a reason is known already */
  ended(lost: TallymeshError | undefined): void {
    const { events, dialed } = this.#options
    const state = this.#state
    this.#state = 'ended'
    if (state === 'greeting') events.refused(lost ?? closedBeforeHello(), dialed)
    else if (state === 'open') events.closed(this, lost)
    else if (state === 'ending') events.closed(this, this.#reason)
  }

  #greet(message: Uint8Array): void {
    const verdict = judgeFirstFrame(message, this.#own as Hello, peer => this.#options.handshake.admit(peer))
    if (verdict.type === 'refused') return this.#refuse(verdict.reason, true)
    const kind = verdict.type === 'accepted' ? FRAME_HELLO : FRAME_REFUSAL
    this.#options.traffic?.count('received', kind, message.length)
    if (verdict.type === 'refused-by-peer') this.#refuse(toldBy('the other side', verdict.reason), false)
    else {
      this.peer = verdict.peer
      this.#state = 'open'
      this.#options.events.open(this)
    }
  }

  #take(message: Uint8Array): void {
    let frame: Frame
    let reason: TallymeshError | undefined
    try {
      frame = decodeFrame(message)
      this.#options.traffic?.count('received', frame.kind, message.length)
      if (frame.kind < FRAME_KIND_OWNER_MIN) reason = heardReason(frame, this.peer)
    } catch (error) {
      this.#finish(asTallymeshError(error), true)
      return
    }
    // Outside of the try: what the owner throws is the owner's, not damage.
    if (reason === undefined) this.#options.events.frame(this, frame.kind, frame.body)
    else this.#finish(reason, false)
  }

  #refuse(reason: TallymeshError, tell: boolean): void {
    this.#state = 'ended'
    this.#leave(reason, tell)
    this.#options.events.refused(reason, this.dialed)
  }

  #finish(reason: TallymeshError | undefined, tell: boolean): void {
    this.#state = 'ending'
    this.#reason = reason
    this.#leave(reason, tell)
  }

  #leave(reason: TallymeshError | undefined, tell: boolean): void {
    const { channel } = this.#options
    if (tell && reason !== undefined) this.#write(FRAME_REFUSAL, encodeFrame(FRAME_REFUSAL, encodeRefusal(reason)))
    channel.end(reason)
  }

  #write(kind: number, message: Uint8Array): void {
    this.#options.traffic?.count('sent', kind, message.length)
    this.#options.channel.write(message)
  }
}

/** Why the peer ends the link, from a frame of a kind below the owner's. */
function heardReason({ kind, body }: Frame, peer: Hello): TallymeshError {
  if (kind === FRAME_REFUSAL) return toldBy(`node ${JSON.stringify(peer.name)}`, decodeRefusal(body))
  throw new TallymeshError('FRAME_DAMAGED', `a frame of kind ${kind} has no place in an open link`)
}

function toldBy(who: string, reason: TallymeshError): TallymeshError {
  return new TallymeshError(reason.code, `${who} ended the link: ${reason.message}`)
}

function peerSlow(peer: Hello, queued: number, queueBytesMax: number): TallymeshError {
  const what = `node ${JSON.stringify(peer.name)} leaves ${queued} bytes unread, and ${queueBytesMax} are the limit`
  return new TallymeshError('PEER_SLOW', `${what}; the link is cut, and it catches up when it is back`)
}

function closedBeforeHello(): TallymeshError {
  return new TallymeshError('LINK_FAILED', 'the other side closed the connection before it said hello')
}
