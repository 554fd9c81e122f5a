import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createServer as createHttpsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TallymeshNode } from '../src/node.js'

/** An HTTP server that is not the node's: it answers requests itself and hands upgrades to whom it was given. */
export interface OwnServer {
  readonly port: number
  readonly server: Server
  /** Connections that were made so far, whatever became of them. */
  readonly seen: () => number
  /** Who gets the upgrades from now on. */
  serve(node: TallymeshNode): void
  close(): Promise<void>
}

/** @param tls the server's certificate, for HTTPS */
export async function ownServer(tls?: ServerOptions): Promise<OwnServer> {
  const server = tls ? createHttpsServer(tls) : createServer()
  let seen = 0
  let node: TallymeshNode | undefined
  server.on('connection', () => seen++)
  server.on('request', (_request, response) => response.end('mine'))
  server.on('upgrade', (request, socket, head) => {
    if (node) node.handleUpgrade(request, socket, head)
    else socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    ...{ port, server, seen: () => seen },
    serve: given => {
      node = given
    },
    async close() {
      server.closeAllConnections()
      await new Promise(done => server.close(done))
    },
  }
}
