import { WebSocket } from 'ws'

/** A WebSocket on which a test says what it wants, and that keeps what it hears. */
export class RawWebSocket {
  readonly heard: Buffer[] = []
  /** How the other side ended it. */
  ended: { readonly code: number; readonly reason: string } | undefined
  readonly #socket: WebSocket
  #wake: () => void = () => {}

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', data => {
      this.heard.push(data as Buffer)
      this.#wake()
    })
    socket.on('close', (code, reason) => {
      this.ended = { code, reason: reason.toString() }
      this.#wake()
    })
    socket.on('error', () => {})
  }

  /** @throws Error where it is not let in */
  static async open(url: string): Promise<RawWebSocket> {
    const socket = new WebSocket(url, { perMessageDeflate: false })
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    return new RawWebSocket(socket)
  }

  send(message: Uint8Array | string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message)
  }

  /** Waits until the other side ended it, or said something that `answers`. */
  async until(answers: (message: Buffer) => boolean): Promise<void> {
    while (this.ended === undefined && !this.heard.some(answers)) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  close(): void {
    this.#socket.terminate()
  }
}
