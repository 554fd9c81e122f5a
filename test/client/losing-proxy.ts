import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy that can lose answers: once the server has answered, the client's connection is reset in place of it. */
export class LosingProxy {
  /** How many answers to POST requests are still to be lost. */
  lose = 0
  /** What happens between the server's answer and its loss. */
  meanwhile: () => Promise<void> = async () => {}
  /** Requests that went through, by their first line. */
  readonly requests: string[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(port: number) {
    this.#server = createServer(client => {
      const server = connect(port, '127.0.0.1')
      let posted = false
      for (const socket of [client, server]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => this.#sockets.delete(socket))
      }
      client.on('data', data => {
        const [first = ''] = data.toString('latin1').split('\r\n', 1)
        if (/ HTTP\/1\.1$/.test(first)) this.requests.push(first)
        posted = first.startsWith('POST ') || (posted && !/ HTTP\/1\.1$/.test(first))
        server.write(data)
      })
      server.on('data', data => {
        if (!posted || this.lose === 0) return void client.write(data)
        this.lose--
        void this.meanwhile().then(() => {
          // A client that ended meanwhile is closed as it is: Node would spin at its own end, over the reset of a socket that it shuts down.
          if (client.writableEnded) client.destroy()
          else client.resetAndDestroy()
          server.destroy()
        })
      })
      client.on('close', () => server.destroy())
      server.on('close', () => client.destroy())
    })
  }

  static async start(port: number): Promise<LosingProxy> {
    const proxy = new LosingProxy(port)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
