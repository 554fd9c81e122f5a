import { connect, type Socket } from 'node:net'

/** A connection on which a test writes what it wants. */
export class RawClient {
  readonly socket: Socket
  received = ''
  ended = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('utf8')
    socket.on('data', chunk => {
      this.received += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.ended = true
    })
  }

  /** @param allowHalfOpen whether it goes on sending after the server has closed its direction */
  static async open(url: string, allowHalfOpen = false): Promise<RawClient> {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new RawClient(socket)
  }

  write(text: string): this {
    this.socket.write(text)
    return this
  }

  /** The statuses of the answers so far. */
  get statuses(): number[] {
    return [...this.received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(match => Number(match[1]))
  }

  close(): void {
    this.socket.destroy()
  }
}

/** A POST as it stands on the wire. */
export function rawPost(path: string, body: string, headers: Record<string, string> = {}): string {
  const all = { host: 'lab', 'content-type': 'application/json', 'content-length': String(body.length), ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}
