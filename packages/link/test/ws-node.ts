import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import { MESH_PATH, WsAcceptor, type WsAcceptorOptions } from '../src/index.js'
import type { SuiteNode } from '../src/suite.js'

/** An HTTP server with an acceptor for a suite node, on 127.0.0.1. */
export interface Listener {
  readonly port: number
  readonly url: string
  readonly acceptor: WsAcceptor
  close(): Promise<void>
}

export async function listen(node: SuiteNode, options: Partial<WsAcceptorOptions> = {}): Promise<Listener> {
  const { queueBytesMax } = node
  const acceptor = new WsAcceptor({ handshake: node, events: node, authorize: () => true, queueBytesMax, ...options })
  const server = createServer((_request, response) => response.writeHead(404).end())
  server.on('upgrade', (request, socket, head) => {
    if (request.url === MESH_PATH) acceptor.handleUpgrade(request, socket, head)
    else socket.destroy()
  })
  const port = await listening(server)
  const close = async () => {
    await acceptor.close()
    await ended(server)
  }
  return { port, url: `ws://127.0.0.1:${port}/`, acceptor, close }
}

/** Starts a server on a free port of 127.0.0.1. */
export async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const SOCKETS = new WeakMap<object, Set<Socket>>()

/** Remembers the sockets of a raw server, so that `ended` can destroy them. */
export function tracked<S extends Server>(server: S): S {
  const sockets = new Set<Socket>()
  SOCKETS.set(server, sockets)
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  return server
}

export async function ended(server: Server): Promise<void> {
  for (const socket of SOCKETS.get(server) ?? []) socket.destroy()
  server.close()
  await once(server, 'close')
}

/** Lets sockets and timers have their turn. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
