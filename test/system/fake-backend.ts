import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** What the backend does with an add. It is healthy all the while. */
export type Behaviour =
  /** Reads the whole request, then resets the connection. */
  | 'reset'
  /** Resets as soon as the first bytes are there. */
  | 'reset at once'
  /** Closes the connection in good order, without an answer. */
  | 'close'
  /** Half a head of an answer, then a reset. */
  | 'half an answer'
  /** An error that is not one of ours. */
  | '502'
  /** Answers the first add of each connection, and resets at the second. */
  | 'reset the second'
  | 'silence'
  /** What a node answers that drains, and counts nothing. */
  | 'not ready'

const OK = answer(200, 'OK', 'application/json', '{"key":"x","value":1}')
const BAD_GATEWAY = answer(502, 'Bad Gateway', 'text/plain', 'bad gateway')
const NOT_READY = answer(
  503,
  'Service Unavailable',
  'application/problem+json; charset=utf-8',
  '{"type":"about:blank","title":"Service Unavailable","status":503,"code":"NOT_READY","detail":"draining","counted":false}',
)

/** A TCP server beside real nodes that fails in ways of its own, and remembers which adds reached it. */
export class FakeBackend {
  readonly port: number
  behaviour: Behaviour = 'reset'
  /** The last part of the path of each add that reached it, in part at least. */
  readonly received: string[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', socket => this.#serve(socket))
  }

  static async open(port: number): Promise<FakeBackend> {
    const server = createServer()
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return new FakeBackend(server)
  }

  /** From now on connections are refused. */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    let text = ''
    let adds = 0
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
      for (;;) {
        const end = text.indexOf('\r\n\r\n') + 4
        const whole = end > 3 && text.length >= end + Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0)
        if (!whole && !(this.behaviour === 'reset at once' && text.startsWith('POST'))) return
        const head = text
        text = whole ? text.slice(end + Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0)) : ''
        if (head.startsWith('POST')) {
          this.received.push(/^POST [^ ]*\/([^ /]*)/.exec(head)?.[1] ?? '')
          this.#misbehave(socket, ++adds)
        } else socket.write(answer(200, 'OK', 'application/json', '{"ready":true}'))
      }
    })
  }

  #misbehave(socket: Socket, adds: number): void {
    switch (this.behaviour) {
      case 'reset':
      case 'reset at once':
        return void socket.resetAndDestroy()
      case 'close':
        return void socket.destroy()
      case 'half an answer':
        return void socket.write('HTTP/1.1 200 OK\r\ncontent-ty', () => socket.resetAndDestroy())
      case '502':
        return void socket.write(BAD_GATEWAY)
      case 'reset the second':
        if (adds > 1) socket.resetAndDestroy()
        else socket.write(OK)
        return
      case 'silence':
        return
      case 'not ready':
        return void socket.write(NOT_READY)
      default: {
        const unreachable: never = this.behaviour
        throw new TypeError(`unknown behaviour ${unreachable}`)
      }
    }
  }
}

function answer(status: number, title: string, type: string, body: string): string {
  return `HTTP/1.1 ${status} ${title}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}
