import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy on 127.0.0.1 before a node: the network that a test can cut. */
export class TcpProxy {
  readonly url: string
  /** Bytes that passed from the node to those who dialed it. */
  bytesOut = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #cut = false
  /** Cuts by itself once `bytesOut` reaches this. */
  #cutAtBytes = Number.POSITIVE_INFINITY

  private constructor(server: Server, target: number) {
    this.#server = server
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
    server.on('connection', near => {
      if (this.#cut) return void near.resetAndDestroy()
      const far = connect(target, '127.0.0.1')
      this.#join(near, far)
      this.#join(far, near)
      near.pipe(far)
      far.on('data', chunk => {
        this.bytesOut += chunk.length
        if (this.bytesOut >= this.#cutAtBytes) return this.cut()
        if (!near.write(chunk)) far.pause()
      })
      near.on('drain', () => far.resume())
    })
  }

  static async open(target: number): Promise<TcpProxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new TcpProxy(server, target)
  }

  get isCut(): boolean {
    return this.#cut
  }

  /** Breaks every connection and takes none, until `heal`. */
  cut(): void {
    this.#cut = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Cuts once that many more bytes came out of the node. */
  cutAfter(bytes: number): void {
    this.#cutAtBytes = this.bytesOut + bytes
  }

  heal(): void {
    this.#cut = false
    this.#cutAtBytes = Number.POSITIVE_INFINITY
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(socket: Socket, other: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => other.destroy())
    socket.on('close', () => {
      this.#sockets.delete(socket)
      other.destroy()
    })
  }
}
