import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy on 127.0.0.1 that can stall, damage and break what passes through it. */
export class TcpProxy {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #stalled = false
  #damaged = false

  private constructor(server: Server, target: number) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', near => {
      const far = connect(target, '127.0.0.1')
      this.#join(near, far)
      this.#join(far, near)
      near.on('data', chunk => {
        if (this.#damaged) {
          this.#damaged = false
          chunk[chunk.length - 1] = (chunk[chunk.length - 1] as number) ^ 1
        }
        if (!far.write(chunk)) near.pause()
        if (this.#stalled) near.pause()
      })
      far.on('drain', () => this.#stalled || near.resume())
      far.pipe(near)
    })
  }

  static async open(target: number): Promise<TcpProxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new TcpProxy(server, target)
  }

  /** Takes nothing more from those who dialed. */
  stall(): void {
    this.#stalled = true
    for (const socket of this.#sockets) if (socket.localPort === this.port) socket.pause()
  }

  /** Flips the last bit of the next chunk from who dialed. */
  damage(): void {
    this.#damaged = true
  }

  sever(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async close(): Promise<void> {
    this.sever()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(socket: Socket, other: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => other.destroy())
    socket.on('close', () => {
      this.#sockets.delete(socket)
      other.end()
    })
  }
}
