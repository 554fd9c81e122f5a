import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { TallymeshError } from '@tallymesh/crdt'
import { bearerToken, MESH_PATH } from '@tallymesh/link'

/** Takes a WebSocket upgrade; it owns the socket from then on. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** The path below which y-websocket clients connect. */
export const DOOR_PATH = '/yjs'

export interface ListenerOptions {
  readonly host: string
  readonly port: number
  readonly mesh: UpgradeHandler
  readonly door: UpgradeHandler
  readonly report: (error: TallymeshError) => void
}

/** One port for peers and y-websocket clients alike: each upgrade goes to whom its path names. */
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
    const { host, port, report } = options
    const server = createServer((_request, response) => {
      response.writeHead(426, { 'content-type': 'text/plain', connection: 'close', upgrade: 'websocket' })
      response.end('A tallymesh node listens here for WebSockets: peers at /mesh, y-websocket clients at /yjs.\n')
    })
    server.on('upgrade', (request, socket, head) => route(options, request, socket, head))
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

function route({ mesh, door }: ListenerOptions, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.on('error', () => socket.destroy())
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
  if (path === MESH_PATH || path === '/') mesh(request, socket, head)
  else if (path === DOOR_PATH || path.startsWith(`${DOOR_PATH}/`)) door(request, socket, head)
  else refuseUpgrade(socket, '404 Not Found', `nothing listens at ${JSON.stringify(path.slice(0, 80))}`)
}

/** Answers an upgrade request with an HTTP status in place of a WebSocket. */
export function refuseUpgrade(socket: Duplex, status: string, reason: string): void {
  socket.once('finish', () => socket.destroy())
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\n`
  socket.end(`${head}Content-Length: ${Buffer.byteLength(reason) + 1}\r\n\r\n${reason}\n`)
}

/** The token of a door client: a browser can send it only as a subprotocol, `bearer.` and its base64url form. */
export function doorToken(request: IncomingMessage): string | undefined {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(protocol => protocol.trim())
  const bearer = offered.find(protocol => protocol.startsWith('bearer.'))
  if (bearer !== undefined) return Buffer.from(bearer.slice('bearer.'.length), 'base64url').toString('utf8')
  return bearerToken(request.headers.authorization)
}

function listenFailed(host: string, port: number, cause: NodeJS.ErrnoException): TallymeshError {
  const taken = cause.code === 'EADDRINUSE' ? 'another program listens there; choose another port' : cause.message
  return new TallymeshError('LISTEN_FAILED', `cannot listen on ${host}:${port}: ${taken}`, { cause })
}
