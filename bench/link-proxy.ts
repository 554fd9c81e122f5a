import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy on 127.0.0.1 that counts what a server sends: bytes on a link as the network sees them, WebSocket headers included. */
export class LinkProxy {
  /** From the server to those who dialed. */
  bytes = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(
    readonly targetPort: number,
    server: Server,
  ) {
    this.#server = server
    server.on('connection', socket => this.#join(socket))
  }

  static async open(targetPort: number): Promise<LinkProxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new LinkProxy(targetPort, server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #join(near: Socket): void {
    const far = connect(this.targetPort, '127.0.0.1')
    far.on('data', chunk => {
      this.bytes += chunk.length
    })
    near.pipe(far)
    far.pipe(near)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.setNoDelay(true)
      this.#sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
  }
}
