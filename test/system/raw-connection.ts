import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { until } from '../cluster/until.js'

/** A client that writes bytes as it likes, and keeps whatever comes back. */
export class RawConnection {
  readonly #socket: Socket
  #text = ''
  closed = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', chunk => (this.#text += chunk.toString('latin1')))
    // Whoever answers may reset what it did not read.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
    })
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect(port, '127.0.0.1')
    const connection = new RawConnection(socket)
    await once(socket, 'connect')
    return connection
  }

  write(bytes: string): void {
    if (!this.#socket.destroyed) this.#socket.write(Buffer.from(bytes, 'latin1'))
  }

  get text(): string {
    return this.#text
  }

  /** The statuses of the answers so far, in order. */
  get statuses(): number[] {
    return [...this.#text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status))
  }

  /** Waits until that many answers have come, or the other side has closed. */
  async answered(count: number, deadlineMs?: number): Promise<number[]> {
    const enough = (): boolean | string =>
      this.closed ||
      this.statuses.length >= count ||
      `${this.statuses.join(' ')} ${JSON.stringify(this.#text.slice(-300))}`
    await until(`${count} answer(s), or the end of the connection`, enough, deadlineMs)
    return this.statuses
  }

  async ended(deadlineMs?: number): Promise<void> {
    await until('the other side to close', () => this.closed, deadlineMs)
  }

  close(): void {
    this.#socket.destroy()
  }
}
