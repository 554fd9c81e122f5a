import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TallymeshError } from '@tallymesh/crdt'
import type { UpgradeHandler } from './upgrades.js'

/** How long a request may take to arrive whole, and how often that is looked at. */
const REQUEST_MS = 5_000
const REQUEST_CHECK_MS = 1_000
/** Peers and door clients at their limits, and room for those who only ask. */
const CONNECTIONS_MAX = 2_000

export interface ListenerOptions {
  readonly host: string
  readonly port: number
  readonly upgrade: UpgradeHandler
  readonly report: (error: TallymeshError) => void
  /** How long a client may take to send its request; then it is cut. Default 5,000 ms. */
  readonly requestMs?: number
  /** The most connections at a time, whatever they do; more are closed at once. Default 2,000. */
  readonly connectionsMax?: number
}

/** One port for peers and y-websocket clients alike. */
export class Listener {
  readonly #server: Server
  /** Where it listens, also once it is closed. */
  readonly address: { readonly host: string; readonly port: number }

  private constructor(server: Server) {
    this.#server = server
    const { address, port } = server.address() as AddressInfo
    this.address = { host: address, port }
  }

  /** Listens. @throws TallymeshError LISTEN_FAILED */
  static async open(options: ListenerOptions): Promise<Listener> {
    const { host, port, report, requestMs = REQUEST_MS, connectionsMax = CONNECTIONS_MAX } = options
    const limits = {
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: Math.min(requestMs, REQUEST_CHECK_MS),
    }
    const server = createServer(limits, (_request, response) => {
      response.writeHead(426, { 'content-type': 'text/plain', connection: 'close', upgrade: 'websocket' })
      response.end('A tallymesh node listens here for WebSockets: peers at /mesh, y-websocket clients at /yjs.\n')
    })
    server.maxConnections = connectionsMax
    server.on('upgrade', options.upgrade)
    await new Promise<void>((resolve, reject) => {
      server.once('error', cause => reject(listenFailed(host, port, cause)))
      server.listen(port, host, resolve)
    })
    // A process without free file descriptors fails to accept, and goes on.
    server.removeAllListeners('error').on('error', cause => report(listenFailed(host, port, cause)))
    return new Listener(server)
  }

  /** Takes no more connections from now on; resolves once the last one is gone. Upgraded ones are their owners' to end. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }
}

function listenFailed(host: string, port: number, cause: NodeJS.ErrnoException): TallymeshError {
  const taken = cause.code === 'EADDRINUSE' ? 'another program listens there; choose another port' : cause.message
  return new TallymeshError('LISTEN_FAILED', `cannot listen on ${host}:${port}: ${taken}`, { cause })
}
