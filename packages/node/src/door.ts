import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ReplicaId, TallymeshError } from '@tallymesh/crdt'
import type { Replica } from '@tallymesh/replica'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { type WebSocket, WebSocketServer } from 'ws'
import { messageYjsSyncStep1, writeSyncStep2, writeUpdate } from 'y-protocols/sync'
import * as Y from 'yjs'
import { DOOR_PATH, doorToken, refuseUpgrade } from './upgrades.js'

/** The message types of y-websocket. */
const SYNC = 0
const AWARENESS = 1
const AUTH = 2
const QUERY_AWARENESS = 3
const PERMISSION_DENIED = 0

const MESSAGE_BYTES_MAX = 1024 * 1024
const UNREAD_BYTES_MAX = 8 * 1024 * 1024
const CLIENTS_MAX = 1_000
/** How long a client may take to answer the closing handshake. */
const CLOSE_MS = 500
/** The stock provider closes a connection that is silent for 30 s; WebSocket pings do not count. */
const KEEPALIVE_MS = 10_000
/** Changes are gathered for this long, so that a busy room costs a door client one message at a time. */
const GATHER_MS = 20

export interface DoorOptions {
  readonly room: string
  readonly authorize: (token: string | undefined) => boolean
  readonly origins: readonly string[]
  readonly replica: () => Replica
  readonly report: (error: TallymeshError) => void
  /** The most clients at a time. Default 1,000. */
  readonly clientsMax?: number | undefined
}

/** Serves y-websocket clients a live, read-only copy of the room's document: one root array `log/<replica id>` for each log.
 *  Only what is durable is shown: of the own log what is on this disk; what peers sent is on theirs. What clients write is
 *  refused and changes nothing. */
export class Door {
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
    handleProtocols: protocols => (protocols.has('tallymesh') ? 'tallymesh' : ([...protocols][0] ?? false)),
  })
  /** Every client whose socket is not gone yet, with the check of the token that it showed. */
  readonly #clients = new Map<WebSocket, () => boolean>()
  /** The composed document, while anybody looks at it. */
  #doc: Y.Doc | undefined
  readonly #shown = new Map<ReplicaId, { clock: number; head: number }>()
  #gathering: NodeJS.Timeout | undefined
  /** The own log could not be shown when its time came. */
  #overdue = false
  readonly #keepalive: NodeJS.Timeout
  #closed = false
  #whenEmpty: (() => void)[] = []

  constructor(readonly options: DoorOptions) {
    this.#keepalive = setInterval(() => {
      for (const client of this.#clients.keys()) this.#send(client, emptyAwareness())
    }, KEEPALIVE_MS)
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { authorize, origins, room, clientsMax = CLIENTS_MAX } = this.options
    const token = doorToken(request)
    const origin = request.headers.origin
    if (origin !== undefined && !origins.includes(origin)) {
      return refuseUpgrade(
        socket,
        '403 Forbidden',
        `pages of ${origin} may not read this node; allow it in listen.origins`,
      )
    }
    if (!authorize(token)) {
      return refuseUpgrade(
        socket,
        '401 Unauthorized',
        'the token is missing or wrong; offer it as a WebSocket subprotocol',
      )
    }
    const asked = (request.url ?? '').split('?', 1)[0]?.slice(DOOR_PATH.length + 1) ?? ''
    if (!names(asked, room)) {
      const text = `this node serves the room ${JSON.stringify(room)}, not ${JSON.stringify(asked)}`
      return refuseUpgrade(socket, '404 Not Found', text)
    }
    if (this.#closed || this.#clients.size >= clientsMax) {
      return refuseUpgrade(
        socket,
        '503 Service Unavailable',
        'this node takes no more clients now; try another, or later',
      )
    }
    this.#server.handleUpgrade(request, socket, head, client => this.#welcome(client, () => authorize(token)))
  }

  /** Something became durable: shows it soon. A busy node has nearly always a commit in flight; so what waits for the own log
   *  is shown right after a commit, which is when this is called. */
  progressed(): void {
    if (this.#clients.size === 0 || this.#gathering || this.#closed) return
    if (this.#overdue && this.options.replica().commits.inFlight === undefined) this.#refresh()
    else this.#gathering = setTimeout(() => this.#gathered(), GATHER_MS)
  }

  #gathered(): void {
    this.#gathering = undefined
    if (this.#clients.size > 0) this.#refresh()
  }

  /** The node's documents were rebuilt: clients must load them anew. */
  reset(): void {
    for (const client of this.#clients.keys()) client.close(1012, 'the node reloads its documents')
    this.#forget()
  }

  /** Asks again whether the tokens shown are good, and ends the clients whose are not any more. */
  recheck(): void {
    for (const [client, admitted] of this.#clients) {
      if (!admitted()) this.#end([client], 1008, 'the token is not valid any more')
    }
  }

  /** Ends all clients, and takes no more; resolves once their sockets are gone, in about half a second at most. */
  close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#keepalive)
    clearTimeout(this.#gathering)
    this.#end([...this.#clients.keys()], 1001, 'the node closes')
    this.#forget()
    if (this.#clients.size === 0) return Promise.resolve()
    return new Promise(resolve => this.#whenEmpty.push(resolve))
  }

  /** A client that does not answer the closing handshake is cut. */
  #end(clients: readonly WebSocket[], code: number, reason: string): void {
    for (const client of clients) client.close(code, reason)
    const cut = () => {
      for (const client of clients) client.terminate()
    }
    setTimeout(cut, CLOSE_MS).unref()
  }

  #welcome(client: WebSocket, admitted: () => boolean): void {
    this.#clients.set(client, admitted)
    client.binaryType = 'nodebuffer'
    client.on('error', () => client.terminate())
    client.on('close', () => {
      this.#clients.delete(client)
      if (this.#clients.size > 0) return
      this.#forget()
      for (const resolve of this.#whenEmpty.splice(0)) resolve()
    })
    let refused = false
    client.on('message', (data: Buffer, isBinary: boolean) => {
      if (client.readyState !== client.OPEN) return
      if (!isBinary) return client.close(1003, 'the y-websocket protocol is binary')
      try {
        if (this.#receive(client, data) === 'refused' && !refused) {
          refused = true
          this.options.report(readOnly())
        }
      } catch {
        client.close(1002, 'a message that is not of the y-websocket protocol')
      }
    })
  }

  /** Answers one message. A client that tries to write is told so by the protocol's auth message. */
  #receive(client: WebSocket, data: Uint8Array): 'refused' | undefined {
    const decoder = decoding.createDecoder(data)
    const type = decoding.readVarUint(decoder)
    if (type === QUERY_AWARENESS) this.#send(client, emptyAwareness())
    if (type === AWARENESS) this.#send(client, data)
    if (type !== SYNC) return undefined
    if (decoding.readVarUint(decoder) !== messageYjsSyncStep1) {
      this.#send(client, permissionDenied())
      return 'refused'
    }
    const vector = decoding.readVarUint8Array(decoder)
    this.#refresh()
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, SYNC)
    writeSyncStep2(encoder, this.#document(), vector)
    this.#send(client, encoding.toUint8Array(encoder))
    return undefined
  }

  #document(): Y.Doc {
    if (this.#doc) return this.#doc
    this.#doc = new Y.Doc()
    this.#doc.on('update', (update: Uint8Array) => {
      const encoder = encoding.createEncoder()
      encoding.writeVarUint(encoder, SYNC)
      writeUpdate(encoder, update)
      const message = encoding.toUint8Array(encoder)
      for (const client of this.#clients.keys()) this.#send(client, message)
    })
    return this.#doc
  }

  /** Brings the composed document up to what is durable. The own log waits while a commit of it is in flight. */
  #refresh(): void {
    const doc = this.#document()
    const { room, commits } = this.options.replica()
    this.#overdue = false
    doc.transact(() => {
      for (const log of room.logs.values()) {
        const shown = this.#shown.get(log.id)
        if (shown?.clock === log.clock && shown.head === log.head) continue
        if (commits.inFlight?.replica === log.id) this.#overdue = true
        if (commits.inFlight?.replica === log.id || !log.complete) continue
        Y.applyUpdate(doc, Y.encodeStateAsUpdate(log.doc, Y.encodeStateVector(new Map([[log.id, shown?.clock ?? 0]]))))
        this.#shown.set(log.id, { clock: log.clock, head: log.head })
      }
    })
  }

  #forget(): void {
    this.#doc?.destroy()
    this.#doc = undefined
    this.#shown.clear()
  }

  #send(client: WebSocket, message: Uint8Array): void {
    if (client.bufferedAmount > UNREAD_BYTES_MAX) client.terminate()
    else if (client.readyState === client.OPEN) client.send(message)
  }
}

function emptyAwareness(): Uint8Array {
  // No client states: an awareness update that changes nothing, but is heard.
  return Uint8Array.of(AWARENESS, 1, 0)
}

function permissionDenied(): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, AUTH)
  encoding.writeVarUint(encoder, PERMISSION_DENIED)
  encoding.writeVarString(encoder, `DOOR_READ_ONLY: ${readOnly().message}`)
  return encoding.toUint8Array(encoder)
}

function readOnly(): TallymeshError {
  return new TallymeshError(
    'DOOR_READ_ONLY',
    'a y-websocket client tried to write; the document is read-only here, count through a node instead',
  )
}

/** Whether a path asks for a room: the provider puts its name into the URL as it is, and the URL's parser encodes a part of
 *  it; other clients encode all of it. */
function names(path: string, room: string): boolean {
  if (path === room || path === new URL(`${DOOR_PATH}/${room}`, 'ws://node').pathname.slice(DOOR_PATH.length + 1)) {
    return true
  }
  try {
    return decodeURIComponent(path) === room
  } catch {
    return false
  }
}
