import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

/** How a node treats a POST once it has read all of it. */
export type Script = 'count' | 'refuse' | 'reset' | 'end' | 'silent' | 'hold'

/** A node down to its bytes: what a real one does only by chance, this one does when told. */
export class ScriptedNode {
  script: Script = 'count'
  /** What `/readyz` is answered with; 0: nothing. */
  readyz = 200
  /** POSTs that were read whole, with their bodies, and heads of all other requests but probes. */
  readonly posts: string[] = []
  readonly heads: string[] = []
  readonly #sockets = new Set<Socket>()
  readonly #held: (() => void)[] = []
  #server: Server | undefined

  constructor(
    readonly name: string,
    readonly port: number,
  ) {}

  async open(): Promise<void> {
    const server = createServer(socket => this.#take(socket))
    server.listen(this.port, '127.0.0.1')
    await once(server, 'listening')
    this.#server = server
  }

  /** As a process that is gone: its connections break, and further ones are refused. */
  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    server.close()
    for (const socket of this.#sockets) socket.resetAndDestroy()
    await once(server, 'close')
  }

  /** Answers the POSTs that `hold` holds. */
  release(): void {
    for (const answer of this.#held.splice(0)) answer()
  }

  get held(): number {
    return this.#held.length
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
    let text = ''
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
      for (;;) {
        const end = text.indexOf('\r\n\r\n')
        const bytes = Number(/^content-length: *(\d+)/im.exec(text.slice(0, end))?.[1] ?? 0)
        if (end < 0 || text.length < end + 4 + bytes) return
        this.#answer(socket, text.slice(0, end), text.slice(end + 4, end + 4 + bytes))
        text = text.slice(end + 4 + bytes)
      }
    })
  }

  #answer(socket: Socket, head: string, body: string): void {
    if (head.startsWith('GET /readyz')) {
      if (this.readyz > 0) socket.write(response(this.readyz, '{}'))
      return
    }
    this.heads.push(head)
    if (!head.startsWith('POST')) return void socket.write(response(200, JSON.stringify({ node: this.name })))
    this.posts.push(body)
    const counted = () => socket.write(response(200, JSON.stringify({ node: this.name })))
    switch (this.script) {
      case 'count':
        return void counted()
      case 'refuse':
        return void socket.write(response(503, JSON.stringify({ code: 'NOT_READY', node: this.name })))
      case 'reset':
        return void socket.resetAndDestroy()
      case 'end':
        return void socket.end()
      case 'silent':
        return
      case 'hold':
        return void this.#held.push(counted)
      default: {
        const unreachable: never = this.script
        throw new TypeError(`unknown script ${unreachable}`)
      }
    }
  }
}

function response(status: number, body: string): string {
  return `HTTP/1.1 ${status} X\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}
