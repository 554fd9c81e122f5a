import type { Duplex } from 'node:stream'
import { TallymeshError } from '@tallymesh/crdt'
import { WebSocket } from 'ws'
import { FRAME_BYTES_MAX } from './frame.js'
import { HANDSHAKE_MS, helloOverdue } from './handshake.js'
import type { Handshake, LinkEvents } from './link.js'
import { type Channel, LinkSession, QUEUE_BYTES_MAX } from './link-session.js'
import type { Traffic } from './traffic.js'

/** How long a closing handshake may take before the socket is destroyed. */
export const CLOSE_MS = 1000

/** Bytes gathered in one tick before they go to the network without waiting for its end. */
const CORK_BYTES_MAX = 65_536

/** Bytes received before the rest of the program has its turn. Node.js reads a socket up to 32 times, 64 KiB at a time, before it looks at
 *  anything else: what a peer sends at once would stall this process for as long as it takes in all of it. */
const RECEIVED_BYTES_MAX = 65_536

const CLOSE_NORMAL = 1000
const CLOSE_GOING_AWAY = 1001
const CLOSE_NO_STATUS = 1005
const CLOSE_REFUSED = 1008
const CLOSE_TOO_LARGE = 1009
/** Protocol error, unsupported data, invalid payload: how a WebSocket peer says that it got damage. */
const CLOSE_DAMAGED: readonly number[] = [1002, 1003, 1007]

/** WebSocket settings that both sides of a link share. */
export const WS_SETTINGS = { perMessageDeflate: false, maxPayload: FRAME_BYTES_MAX } as const

/** What a WebSocket link needs on either side. */
export interface WsLinkOptions {
  readonly handshake: Handshake
  readonly events: LinkEvents
  /** The most bytes that wait for the peer; past it the link closes with PEER_SLOW. Default 8 MiB. */
  readonly queueBytesMax?: number
  /** How long the peer may take to say hello. Default 5,000 ms. */
  readonly handshakeMs?: number
  /** Counts the frames of all links that it is given to. */
  readonly traffic?: Traffic | undefined
}

/** Checks an option that counts bytes, milliseconds or connections.
 *  @throws TallymeshError INVALID_OPTION */
export function positiveInteger(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new TallymeshError('INVALID_OPTION', `${name} must be an integer of at least 1, got ${value}`)
}

/** @throws TallymeshError INVALID_OPTION */
export function checkWsLinkOptions(options: WsLinkOptions): void {
  positiveInteger('queueBytesMax', options.queueBytesMax ?? QUEUE_BYTES_MAX)
  positiveInteger('handshakeMs', options.handshakeMs ?? HANDSHAKE_MS)
}

/** Runs a link over an open WebSocket: says hello, then passes frames until the socket is gone.
 *  @param socket the stream below `ws` */
export function startWsLink(
  ws: WebSocket,
  socket: Duplex,
  options: WsLinkOptions,
  dialed: string | undefined,
): LinkSession {
  const { handshake, events, queueBytesMax = QUEUE_BYTES_MAX, handshakeMs = HANDSHAKE_MS, traffic } = options
  const channel = new WsChannel(ws, socket)
  const session = new LinkSession({ handshake, events, channel, dialed, queueBytesMax, traffic })
  const timer = setTimeout(() => session.fail(helloOverdue(handshakeMs)), handshakeMs)
  let failure: Error | undefined
  let received = 0
  ws.on('message', (data, isBinary) => {
    received += (data as Buffer).length
    if (received > RECEIVED_BYTES_MAX) {
      received = 0
      ws.pause()
      setImmediate(() => ws.resume())
    }
    if (isBinary) session.receive(data as Buffer)
    else session.fail(new TallymeshError('FRAME_DAMAGED', 'the peer sent a text message; frames are binary'))
    if (!session.greeting) clearTimeout(timer)
  })
  ws.on('error', error => {
    failure = error
    // `ws` itself has told the peer by the code of its close frame.
    if (isProtocolError(error)) session.fail(protocolReason(error), false)
  })
  ws.on('close', (code, text) => {
    clearTimeout(timer)
    channel.stop()
    session.ended(lostReason(code, text.toString(), failure))
  })
  session.start()
  return session
}

class WsChannel implements Channel {
  readonly #ws: WebSocket
  readonly #socket: Duplex
  #corkedBytes = 0
  #corked = false
  #closeTimer: NodeJS.Timeout | undefined

  constructor(ws: WebSocket, socket: Duplex) {
    this.#ws = ws
    this.#socket = socket
  }

  get queuedBytes(): number {
    return this.#ws.bufferedAmount
  }

  /** Frames of one tick leave in one system call. */
  write(message: Uint8Array): void {
    // A WebSocket that the peer is closing counts what it is given as queued, and never sends it.
    if (this.#ws.readyState !== WebSocket.OPEN) return
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      process.nextTick(() => this.#uncork())
    }
    this.#ws.send(message, ignore)
    this.#corkedBytes += message.length
    if (this.#corkedBytes > CORK_BYTES_MAX) {
      this.#corkedBytes = 0
      this.#socket.uncork()
      this.#socket.cork()
    }
  }

  end(reason: TallymeshError | undefined): void {
    this.#closeTimer ??= setTimeout(() => this.#ws.terminate(), CLOSE_MS)
    if (reason === undefined) this.#ws.close(CLOSE_NORMAL)
    else this.#ws.close(CLOSE_REFUSED, reason.code)
  }

  cut(): void {
    this.#ws.terminate()
  }

  stop(): void {
    clearTimeout(this.#closeTimer)
  }

  #uncork(): void {
    this.#corked = false
    this.#corkedBytes = 0
    this.#socket.uncork()
  }
}

/** A failed write shows as 'error' and 'close' of the WebSocket; nothing is to be done about it at the write. */
function ignore(): void {}

function isProtocolError(error: Error): boolean {
  return 'code' in error && String(error.code).startsWith('WS_ERR_')
}

function protocolReason(error: Error): TallymeshError {
  if ('code' in error && error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
    const what = `the peer sent a message of more than ${FRAME_BYTES_MAX} bytes`
    return new TallymeshError('FRAME_TOO_LARGE', `${what}; the link was closed`, { cause: error })
  }
  const what = `the peer broke the WebSocket protocol: ${error.message}`
  return new TallymeshError('FRAME_DAMAGED', `${what}; the link was closed`, { cause: error })
}

/** Why a WebSocket closed, as far as its closing tells; undefined for an ordinary close. */
function lostReason(code: number, text: string, failure: Error | undefined): TallymeshError | undefined {
  if (code === CLOSE_NORMAL || code === CLOSE_GOING_AWAY || code === CLOSE_NO_STATUS) return undefined
  if (code === CLOSE_TOO_LARGE) {
    return new TallymeshError('FRAME_TOO_LARGE', 'the peer closed the link because a message was too long for it')
  }
  if (CLOSE_DAMAGED.includes(code)) {
    return new TallymeshError('FRAME_DAMAGED', `the peer closed the link because a message was damaged (${code})`)
  }
  const detail = failure?.message ?? `WebSocket close code ${code}${text === '' ? '' : ` ${JSON.stringify(text)}`}`
  return new TallymeshError('LINK_FAILED', `the connection broke: ${detail}`, { cause: failure })
}
