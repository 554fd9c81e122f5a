import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { TallymeshError } from '@tallymesh/crdt'
import type { TallymeshNode } from 'tallymesh'
import type { Scope } from '../security/token-lines.js'
import { refuse } from './http-server.js'
import { holdsToken } from './query-string.js'
import { bearerOf, scopeRefusal, type TokenCheck } from './token-check.js'

export interface UpgradesOptions {
  /** The node's name, for answers. */
  readonly name: string
  readonly tokens: TokenCheck | undefined
  /** Whether peers must show a certificate that the configured authorities signed. */
  readonly mutualTls: boolean
  readonly node: () => Pick<TallymeshNode, 'handleUpgrade'> | undefined
  readonly refused: (code: string) => void
}

/** Which scope the upgrades below a path need; undefined where nothing takes upgrades. */
export function upgradeScope(path: string): Scope | undefined {
  if (path === '/mesh' || path === '/') return 'peer'
  return path === '/yjs' || path.startsWith('/yjs/') ? 'read' : undefined
}

/** Takes the upgrade requests of a server: peers and y-websocket clients go to the node, once they showed who they are. */
export function takeUpgrades(server: Server, options: UpgradesOptions): void {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    if (request.headers.upgrade?.toLowerCase() !== 'websocket')
      return serveWithoutUpgrade(server, request, socket, head)
    const refusal = refusalOf(request, options)
    if (refusal) return refuse(options, socket, refusal)
    const node = options.node()
    if (node) node.handleUpgrade(request, socket, head)
    else refuse(options, socket, new TallymeshError('NOT_READY', 'the node is opening; try again in a moment'))
  })
}

function refusalOf(request: IncomingMessage, options: UpgradesOptions): TallymeshError | undefined {
  const url = request.url ?? '/'
  const scope = upgradeScope(url.split('?', 1)[0] ?? '/')
  if (scope === undefined) return new TallymeshError('NOT_FOUND', 'no WebSocket is served under this path')
  if (holdsToken(url)) return tokenInUrl()
  if (scope === 'peer' && options.mutualTls && !(request.socket instanceof TLSSocket && request.socket.authorized)) {
    const text = 'a peer must show a certificate that an authority of this room signed'
    return new TallymeshError('CERTIFICATE_REFUSED', text)
  }
  return scopeRefusal(options.tokens, upgradeToken(request, scope), scope)
}

/** Browsers can send a token of a WebSocket only as a subprotocol, `bearer.` and its base64url form. */
function upgradeToken(request: IncomingMessage, scope: Scope): string | undefined {
  if (scope === 'read') {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(protocol => protocol.trim())
    const bearer = offered.find(protocol => protocol.startsWith('bearer.'))
    if (bearer !== undefined) return Buffer.from(bearer.slice('bearer.'.length), 'base64url').toString('utf8')
  }
  return bearerOf(request.headers.authorization)
}

/** What a request with a token in its URL is told. */
export function tokenInUrl(): TallymeshError {
  const text = 'a token belongs in the Authorization header, never in a URL; take this one as leaked, and change it'
  return new TallymeshError('REQUEST_INVALID', text)
}

/** Serves a request that offers an upgrade which nobody has to take, such as that of Java's client to `h2c`: Node hands every
 *  upgrade over, and then reads no body. So the request is put back in front of its connection, without the offer. */
function serveWithoutUpgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`]
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at] as string
    if (/^(?:upgrade|http2-settings|connection)$/i.test(name)) continue
    lines.push(`${name}: ${request.rawHeaders[at + 1]}`)
  }
  if (/\bclose\b/i.test(request.headers.connection ?? '')) lines.push('Connection: close')
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit(socket instanceof TLSSocket ? 'secureConnection' : 'connection', socket)
}
