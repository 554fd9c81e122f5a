import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { TallymeshNode } from 'tallymesh'

/** The smallest HTTP service around a node: `POST /count/KEY` counts 1 and answers once that is durable, `GET
 *  /count/KEY` reads, `GET /readyz` is for the load balancer. */
export class HttpFace {
  readonly #node: TallymeshNode
  readonly #server: Server

  constructor(node: TallymeshNode) {
    this.#node = node
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>(resolve => this.#server.listen(port, '127.0.0.1', resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('content-type', 'application/json')
    try {
      if (request.url === '/readyz') {
        const { status } = this.#node
        response.writeHead(status === 'ready' ? 200 : 503).end(JSON.stringify({ status }))
        return
      }
      const counter = this.#node.counterByKey(decodeURIComponent((request.url ?? '').slice('/count/'.length)))
      if (request.method === 'POST') await counter.increment()
      response.writeHead(200).end(JSON.stringify({ node: this.#node.name, value: counter.value }))
    } catch (error) {
      response.writeHead(500).end(JSON.stringify({ error: String(error) }))
    }
  }
}
