import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const CLIENT = fileURLToPath(new URL('../../../packages/client/dist/src/', import.meta.url))

/** A web server of another origin than the API: an empty page, and the client's modules as they are published. */
export class PageServer {
  private constructor(readonly server: Server) {}

  static async start(): Promise<PageServer> {
    const server = createServer((request, response) => {
      const path = normalize(new URL(request.url ?? '/', 'http://page').pathname)
      const type = path.endsWith('.js') ? 'text/javascript' : 'text/html'
      try {
        const body = path.startsWith('/client/')
          ? readFileSync(join(CLIENT, path.slice('/client/'.length)))
          : '<!doctype html><title>page</title>'
        response.writeHead(200, { 'content-type': type }).end(body)
      } catch {
        response.writeHead(404).end()
      }
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return new PageServer(server)
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  close(): void {
    this.server.closeAllConnections()
    this.server.close()
  }
}
