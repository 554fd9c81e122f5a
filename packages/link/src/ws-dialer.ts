import type { ClientRequestArgs, IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { TallymeshError } from '@tallymesh/crdt'
import { WebSocket } from 'ws'
import type { Dialing } from './link.js'
import type { LinkSession } from './link-session.js'
import { meshUrl, parsePeerUrl } from './peer-url.js'
import { tlsFailure } from './tls-failure.js'
import { bearerHeader } from './token.js'
import { checkWsLinkOptions, positiveInteger, startWsLink, WS_SETTINGS, type WsLinkOptions } from './ws-link.js'

const CONNECT_TIMEOUT_MS = 5000

/** What a wss dialer may say about certificates; the names and meanings are those of node:tls. Without `servername` the
 *  peer's certificate must be made out to the host of the URL. */
export type WsTlsOptions = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>

export interface WsDialOptions extends WsLinkOptions {
  /** Sent as a Bearer token in the Authorization header, never in the URL. */
  readonly token?: string | undefined
  /** How long it may take until the other side has answered the upgrade. Default 5,000 ms. */
  readonly connectTimeoutMs?: number
  readonly tls?: WsTlsOptions
}

/** Dials a peer once. What follows is one `refused`, or `open` and later `closed`; dialing again is the caller's part.
 *  @param url an address that `parsePeerUrl` takes; events carry its normalised form as `dialed`
 *  @throws TallymeshError INVALID_URL, INVALID_OPTION; nothing was dialed then */
export function dialWs(url: string, options: WsDialOptions): Dialing {
  const dialed = parsePeerUrl(url)
  checkWsLinkOptions(options)
  const { events, connectTimeoutMs = CONNECT_TIMEOUT_MS } = options
  positiveInteger('connectTimeoutMs', connectTimeoutMs)
  let tls: TLSSocket | undefined
  const ws = openWebSocket(dialed, options, made => {
    tls = made
  })
  let socket: Duplex | undefined
  let session: LinkSession | undefined
  let settled = false

  const refuse = (reason: TallymeshError) => {
    if (settled) return
    settled = true
    clearTimeout(timer)
    ws.terminate()
    events.refused(reason, dialed)
  }
  const timer = setTimeout(() => refuse(connectOverdue(dialed, connectTimeoutMs)), connectTimeoutMs)
  // An 'error' follows `terminate` too, and must be heard to the end, or it would end the process.
  ws.on('error', error => {
    const failure = dialed.startsWith('wss:') && tlsFailure(dialed, error, tls, options.tls?.cert !== undefined)
    refuse(failure || connectFailed(dialed, error))
  })
  ws.on('unexpected-response', (_request, response) => refuse(answerRefused(dialed, response)))
  ws.on('upgrade', response => {
    socket = response.socket
  })
  ws.on('open', () => {
    if (settled) return
    settled = true
    clearTimeout(timer)
    session = startWsLink(ws, socket as Duplex, options, dialed)
  })
  return {
    cancel() {
      session?.abandon()
      if (settled) return
      settled = true
      clearTimeout(timer)
      ws.terminate()
    },
  }
}

function openWebSocket(dialed: string, options: WsDialOptions, made: (socket: TLSSocket) => void): WebSocket {
  const { token, tls = {} } = options
  const headers: Record<string, string> = token === undefined ? {} : { Authorization: bearerHeader(token) }
  const settings = { ...tls, ...WS_SETTINGS, headers, followRedirects: false }
  if (!dialed.startsWith('wss:')) return new WebSocket(meshUrl(dialed), settings)
  // What this makes fail before there is a socket is about the own certificate.
  const createConnection = (args: ClientRequestArgs) => {
    const { host, port } = args as { host: string; port: number }
    const servername = tls.servername ?? (isIP(host) ? '' : host)
    const socket = connectTls({ ...tls, host, port, servername })
    made(socket)
    return socket
  }
  return new WebSocket(meshUrl(dialed), { ...settings, createConnection })
}

function connectOverdue(dialed: string, connectTimeoutMs: number): TallymeshError {
  const what = `${dialed} did not answer within ${connectTimeoutMs} ms`
  return new TallymeshError('LINK_FAILED', `${what}; is the node up, and does the network let it through?`)
}

/** Failures below HTTP carry a system code; what has none, or one of the HTTP parser, was answered by something else. */
function connectFailed(dialed: string, error: Error): TallymeshError {
  const code = 'code' in error ? String(error.code) : undefined
  if (code === undefined || code.startsWith('HPE_')) {
    const what = `${dialed} does not answer as a WebSocket server: ${error.message}`
    return new TallymeshError('WRONG_PROTOCOL', `${what}; is the address right?`, { cause: error })
  }
  const what = `${dialed} could not be reached: ${error.message || code}`
  return new TallymeshError('LINK_FAILED', `${what}; is the node up?`, { cause: error })
}

function answerRefused(dialed: string, response: IncomingMessage): TallymeshError {
  const status = response.statusCode as number
  if (status === 401) {
    return new TallymeshError('UNAUTHORIZED', `${dialed} refused the token (HTTP 401); give every node the same token`)
  }
  if (status === 403) {
    const what = `${dialed} does not admit this node (HTTP 403)`
    if (response.headers['tallymesh-code'] !== 'CERTIFICATE_REFUSED') {
      return new TallymeshError('UNAUTHORIZED', `${what}; give it a token that has the scope peer there`)
    }
    return new TallymeshError(
      'CERTIFICATE_REFUSED',
      `${what}; give it a certificate that the authority of the room signed`,
    )
  }
  // 5xx says that the server, or a proxy before it, cannot take the link now; a later attempt may succeed.
  if (status >= 500) return new TallymeshError('LINK_FAILED', `${dialed} takes no link now (HTTP ${status})`)
  const what = `${dialed} answered HTTP ${status} instead of a WebSocket upgrade`
  return new TallymeshError('WRONG_PROTOCOL', `${what}; is a tallymesh node listening there?`)
}
