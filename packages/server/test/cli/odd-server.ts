import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What stands in the place of a tallymesh server. */
export interface OddAnswer {
  readonly status: number
  readonly type?: string
  readonly body?: string
  /** Breaks the connection: after the request was read, or in the middle of the answer. */
  readonly breaks?: 'before' | 'within'
  /** Never answers. */
  readonly silent?: boolean
}

/** A program that answers in its own way. */
export class OddServer {
  requests = 0
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(answer: OddAnswer): Promise<OddServer> {
    const odd: OddServer = new OddServer(
      createServer((request, response) => {
        odd.requests++
        request.resume().on('end', () => {
          if (answer.silent) return
          if (answer.breaks === 'before') {
            request.socket.destroy()
            return
          }
          response.writeHead(answer.status, { 'content-type': answer.type ?? 'text/html' })
          if (answer.breaks === 'within') response.write(answer.body ?? '', () => request.socket.destroy())
          else response.end(answer.body ?? '<h1>hello</h1>')
        })
      }),
    )
    await new Promise<void>(resolve => odd.#server.listen(0, '127.0.0.1', resolve))
    return odd
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

/** The address of a port that nobody listens on. */
export async function deadUrl(): Promise<string> {
  const server = await OddServer.start({ status: 200 })
  const { url } = server
  server.close()
  return url
}
