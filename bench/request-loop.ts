import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What a loop saw in a while. */
export interface Seen {
  readonly perSecond: number
  readonly p99Ms: number
  /** The longest wait for one answer. */
  readonly maxMs: number
}

/** Counts over keep-alive connections to one server, each with one request at a time, until it is closed. Every answer must be a 200. */
export class RequestLoop {
  #latencies: number[] = []
  #sinceMs = performance.now()
  #closed = false
  #failure: Error | undefined
  readonly #sockets: Socket[] = []
  readonly #request: Buffer

  private constructor(
    readonly port: number,
    keys: number,
    readonly pauseMs: number,
  ) {
    const body = '{"add":1}'
    const head = `Host: bench\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
    this.#request = Buffer.from(`POST /v1/counters/load-${keys} HTTP/1.1\r\n${head}\r\n\r\n${body}`)
  }

  /** @param pauseMs between an answer and the next request of a connection; 0: none */
  static async open(port: number, connections: number, pauseMs: number): Promise<RequestLoop> {
    const loop = new RequestLoop(port, port, pauseMs)
    for (let i = 0; i < connections; i++) {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      loop.#sockets.push(socket)
      loop.#run(socket)
    }
    return loop
  }

  /** What was seen since the last call. @throws Error where an answer was no 200, or a connection ended */
  take(): Seen {
    if (this.#failure) throw this.#failure
    const nowMs = performance.now()
    const sorted = this.#latencies.sort((a, b) => a - b)
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
    const seen = { perSecond: (sorted.length * 1000) / (nowMs - this.#sinceMs), p99Ms: at(0.99), maxMs: at(1) }
    this.#latencies = []
    this.#sinceMs = nowMs
    return seen
  }

  close(): void {
    this.#closed = true
    for (const socket of this.#sockets) socket.destroy()
  }

  #run(socket: Socket): void {
    let sentMs = performance.now()
    let text = ''
    const send = (): void => {
      if (this.#closed) return
      sentMs = performance.now()
      socket.write(this.#request)
    }
    socket.setNoDelay(true)
    socket.on('error', error => this.#fail(error))
    socket.on('close', () => this.#fail(new Error(`the server on port ${this.port} ended a connection`)))
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
      const headEnd = text.indexOf('\r\n\r\n')
      const length = /^content-length: *(\d+)/im.exec(text)?.[1]
      if (headEnd < 0 || text.length < headEnd + 4 + Number(length)) return
      if (!text.startsWith('HTTP/1.1 200 '))
        return this.#fail(new Error(`an answer was not 200: ${text.slice(0, 500)}`))
      text = ''
      this.#latencies.push(performance.now() - sentMs)
      if (this.pauseMs > 0) setTimeout(send, this.pauseMs)
      else send()
    })
    send()
  }

  #fail(error: Error): void {
    if (!this.#closed) this.#failure ??= error
  }
}
