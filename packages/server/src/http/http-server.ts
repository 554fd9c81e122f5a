import {
  createServer as createHttp,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TallymeshError } from '@tallymesh/crdt'
import type { TlsMaterial } from '../security/tls-files.js'
import { HttpError, rawProblem } from './problem.js'

const HEADER_BYTES_MAX = 32 * 1024
/** Longer than the 60 s that balancers keep idle connections: who closes first is theirs to decide. */
const KEEP_ALIVE_MS = 65_000
/** For the largest body, an import. Other bodies have less, see `bodyTimeoutMs`. */
const REQUEST_MS = 300_000
const CHECK_MS_MAX = 1_000

export interface HttpServerOptions {
  readonly handler: RequestListener
  /** The node's name, for answers. */
  readonly name: string
  readonly tls: TlsMaterial | undefined
  readonly headersTimeoutMs: number
  readonly connectionsMax: number
  /** Told of each answer that nothing else counts. */
  readonly refused: (code: string) => void
}

/** The server of the one port: Node's, with its strict parser and with limits. */
export function createHttpServer(options: HttpServerOptions): Server {
  const { tls, headersTimeoutMs } = options
  const settings = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: headersTimeoutMs,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: Math.min(headersTimeoutMs, CHECK_MS_MAX),
    keepAliveTimeout: KEEP_ALIVE_MS,
    insecureHTTPParser: false,
    // Node's own answer has no body; `checked` gives one.
    requireHostHeader: false,
    noDelay: true,
  }
  const listener = checked(options)
  const server = tls ? createHttps({ ...settings, ...tlsSettings(tls) }, listener) : createHttp(settings, listener)
  server.maxConnections = options.connectionsMax
  server.on('drop', () => options.refused('CONNECTIONS_MAX'))
  server.on('checkExpectation', (request: IncomingMessage) => {
    const text = 'the Expect header asks for something that is not known here; leave it out; nothing was counted'
    refuse(options, request.socket, new HttpError(417, 'REQUEST_INVALID', text), request.method === 'POST')
  })
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    refuse(options, socket, new HttpError(405, 'METHOD_NOT_ALLOWED', 'this is not a proxy'))
  })
  return server
}

/** What a TLS server is made with; connections without a client certificate are served, and told apart where it matters. */
export function tlsSettings({ cert, key, ca }: TlsMaterial) {
  const base = { cert, key, minVersion: 'TLSv1.2' as const }
  return ca === undefined ? base : { ...base, ca, requestCert: true, rejectUnauthorized: false }
}

/** HTTP/1.1 asks for a Host header, and balancers tell hosts by it. */
function checked(options: HttpServerOptions): RequestListener {
  const { handler } = options
  return (request, response) => {
    // It came behind an answer that closes the connection: served, it would count without an answer.
    if (!request.socket.writable) return
    if (request.headers.host === undefined && request.httpVersionMinor === 1) {
      const error = invalid('the request has no Host header; nothing was counted')
      return refuse(options, request.socket, error, request.method === 'POST')
    }
    handler(request, response)
  }
}

interface RefusalOptions {
  readonly name: string
  readonly refused: (code: string) => void
}

/** Answers on a bare socket, and ends it. @param adds whether the request may have been to count something, and did not */
export function refuse({ name, refused }: RefusalOptions, socket: Duplex, error: TallymeshError, adds = false): void {
  refused(error.code)
  socket.on('error', () => socket.destroy())
  if (!socket.writable) {
    socket.destroy()
    return
  }
  socket.end(rawProblem(error, name, adds), () => socket.destroy())
}

type ParserError = NodeJS.ErrnoException & { readonly rawPacket?: unknown }

/** A socket with the response that it still has to carry. */
type Busy = Socket & { readonly _httpMessage?: ServerResponse | null }

/** Answers what Node's parser refuses. While an earlier request of the same connection is under way, its own answer comes
 *  first: the client would take this one for it, and an add that counts would look refused. */
export function refuseUnparsed(options: RefusalOptions, error: ParserError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const busy = (socket as Busy)._httpMessage
  // A request whose body did not end was not handled: it is the one that is refused.
  if (!busy || (!busy.headersSent && !busy.req.complete))
    refuse(options, socket, parserProblem(error), mayAdd(error, busy))
  // A stream of events, or an answer of which a part is sent: nothing can follow it.
  else if (busy.headersSent && !busy.writableEnded) socket.destroy()
  else busy.once('close', () => refuseUnparsed(options, error, socket))
}

/** Whether a request that was not handled may have been a POST. What is known is the part that arrived last. */
function mayAdd({ rawPacket }: ParserError, busy: ServerResponse | null | undefined): boolean {
  if (busy) return busy.req.method === 'POST'
  const text = Buffer.isBuffer(rawPacket) ? rawPacket.toString('latin1') : ''
  return text.includes('POST ') || !/^(?:GET|HEAD|DELETE|OPTIONS|PUT|PATCH|CONNECT|TRACE) /.test(text)
}

function parserProblem(error: NodeJS.ErrnoException): TallymeshError {
  const { code } = error
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new HttpError(408, 'REQUEST_INVALID', 'the request did not arrive in time; nothing was counted')
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new HttpError(
      431,
      'REQUEST_INVALID',
      `the head of the request is over ${HEADER_BYTES_MAX} bytes; nothing was counted`,
    )
  }
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') {
    return new HttpError(413, 'BODY_TOO_LARGE', 'the chunk extensions of the body are too large; nothing was counted')
  }
  return invalid('the request is not HTTP/1.1 as RFC 9112 writes it; nothing was counted', error)
}

function invalid(text: string, cause?: unknown): TallymeshError {
  return new TallymeshError('REQUEST_INVALID', text, cause === undefined ? {} : { cause })
}
