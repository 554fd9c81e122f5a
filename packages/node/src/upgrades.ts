import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { bearerToken, MESH_PATH } from '@tallymesh/link'

/** Takes a WebSocket upgrade; it owns the socket from then on. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** The path below which y-websocket clients connect. */
export const DOOR_PATH = '/yjs'

export interface UpgradeRoutes {
  readonly mesh: UpgradeHandler
  readonly door: UpgradeHandler
  /** Whether anybody is taken now. */
  readonly linkable: () => boolean
}

/** Sends an upgrade request to whom its path names; 404 where nobody is, 503 while nobody is taken. */
export function routeUpgrade(routes: UpgradeRoutes, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.on('error', () => socket.destroy())
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
  const mesh = path === MESH_PATH || path === '/'
  if (!mesh && path !== DOOR_PATH && !path.startsWith(`${DOOR_PATH}/`)) {
    refuseUpgrade(socket, '404 Not Found', `nothing listens at ${JSON.stringify(path.slice(0, 80))}`)
  } else if (!routes.linkable()) {
    refuseUpgrade(socket, '503 Service Unavailable', 'this node takes no WebSockets now; try another, or later')
  } else if (mesh) routes.mesh(request, socket, head)
  else routes.door(request, socket, head)
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
