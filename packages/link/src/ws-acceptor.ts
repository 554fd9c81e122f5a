import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { TallymeshError } from '@tallymesh/crdt'
import { WebSocketServer } from 'ws'
import type { Hello } from './link.js'
import type { LinkSession } from './link-session.js'
import { bearerToken } from './token.js'
import { checkWsLinkOptions, positiveInteger, startWsLink, WS_SETTINGS, type WsLinkOptions } from './ws-link.js'

const CONNECTIONS_MAX = 128

export interface WsAcceptorOptions extends WsLinkOptions {
  /** Whether a dialer with this token, or without one, may link; asked at each upgrade, and again by `recheck`. Ask
   *  `tokenMatcher`. */
  readonly authorize: (token: string | undefined) => boolean
  /** The most connections at a time, those without a hello yet included. Default 128. */
  readonly connectionsMax?: number
  /** Values of the Origin header that are let in. Browsers send it, nodes do not; default none. */
  readonly originsAllowed?: readonly string[]
}

/** Takes links on a server of the caller's: pass it the upgrade requests for `MESH_PATH`. */
export class WsAcceptor {
  readonly #options: WsAcceptorOptions
  readonly #connectionsMax: number
  readonly #server = new WebSocketServer({ ...WS_SETTINGS, noServer: true, clientTracking: false })
  /** Every connection that was upgraded and whose socket is not gone yet, with the check of what it showed. */
  readonly #sessions = new Map<LinkSession, () => boolean>()
  #closed = false
  #whenEmpty: (() => void)[] = []

  /** @throws TallymeshError INVALID_OPTION */
  constructor(options: WsAcceptorOptions) {
    checkWsLinkOptions(options)
    this.#connectionsMax = positiveInteger('connectionsMax', options.connectionsMax ?? CONNECTIONS_MAX)
    this.#options = options
  }

  /** Connections now, those without a hello yet included. */
  get connections(): number {
    return this.#sessions.size
  }

  /** Takes one upgrade request, or answers it with 401, 403 or 503. It owns the socket from here on. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const answer = this.#refusal(request)
    if (answer !== undefined) {
      refuseUpgrade(socket, answer)
      return
    }
    const { authorize } = this.#options
    const token = bearerToken(request.headers.authorization)
    this.#server.handleUpgrade(request, socket, head, ws => {
      const session = startWsLink(ws, socket, this.#options, undefined)
      this.#sessions.set(session, () => authorize(token))
      ws.on('close', () => {
        this.#sessions.delete(session)
        if (this.#sessions.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve()
      })
    })
  }

  /** Asks again whether the tokens shown are good, and closes the links of those that are not any more. Each peer is told. */
  recheck(): void {
    for (const [session, admitted] of this.#sessions) {
      if (admitted()) continue
      // Nobody is known behind a connection that has not said hello, or was refused for what it said.
      const peer: Hello | undefined = session.peer
      const whose = peer === undefined ? 'the token shown' : `the token of node ${JSON.stringify(peer.name)}`
      const reason = new TallymeshError('UNAUTHORIZED', `${whose} is not valid any more; give it one that is`)
      session.close(reason)
      session.fail(reason)
    }
  }

  /** Takes no more links and closes those it took, each of which gets its `closed`.
   *  @param reason what the peers are told
   *  @returns when the last socket is gone, in about a second at most */
  close(reason?: TallymeshError): Promise<void> {
    this.#closed = true
    for (const session of this.#sessions.keys()) {
      session.close(reason)
      // Does nothing to the links that were just closed; it refuses those that have not said hello.
      session.fail(reason ?? new TallymeshError('LINK_FAILED', 'this node stops taking links; try another, or later'))
    }
    if (this.#sessions.size === 0) return Promise.resolve()
    return new Promise(resolve => this.#whenEmpty.push(resolve))
  }

  /** The HTTP status line with which a request is refused. Whoever is not authorised learns nothing of the load. */
  #refusal({ headers }: IncomingMessage): string | undefined {
    const { authorize, originsAllowed = [] } = this.#options
    if (headers.origin !== undefined && !originsAllowed.includes(headers.origin)) return '403 Forbidden'
    if (!authorize(bearerToken(headers.authorization))) return '401 Unauthorized\r\nWWW-Authenticate: Bearer'
    if (this.#closed || this.#sessions.size >= this.#connectionsMax) return '503 Service Unavailable'
    return undefined
  }
}

function refuseUpgrade(socket: Duplex, status: string): void {
  // The other side may be gone already; its reset must not end this process.
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
