import type { ServerResponse } from 'node:http'

const HEARTBEAT_MS = 15_000

export interface EventStreamOptions {
  /** How long the reader may leave what was written unread. */
  readonly stallMs: number
  /** Between comments that keep the connection alive, and find the one that is not. Default 15,000 ms. */
  readonly heartbeatMs?: number
  /** Called once if the reader is cut off because it stalled. */
  readonly stalled?: () => void
}

/** Server-sent events to one reader. Nothing is written while the reader has not taken what was written before, so that a slow
 *  one holds one event and no more; one that stalls is cut off. */
export class EventStream {
  /** Resolves once the reader is gone, or was cut off. */
  readonly closed: Promise<void>
  readonly #response: ServerResponse
  readonly #stallMs: number
  readonly #stalled: () => void
  readonly #heartbeat: NodeJS.Timeout
  #open = true
  /** Ends the write that is under way. */
  #taken: ((error?: Error | null) => void) | undefined
  /** A heartbeat may be under way when an event comes; it is let through first. */
  #last = Promise.resolve(true)

  /** @param response with its headers sent */
  constructor(
    response: ServerResponse,
    { stallMs, heartbeatMs = HEARTBEAT_MS, stalled = () => {} }: EventStreamOptions,
  ) {
    this.#response = response
    this.#stallMs = stallMs
    this.#stalled = stalled
    this.#heartbeat = setInterval(() => void this.#beat(), heartbeatMs)
    this.closed = new Promise(resolve => {
      response.once('close', () => {
        this.#open = false
        clearInterval(this.#heartbeat)
        // A write that a destroyed socket forgets is answered by its closing.
        this.#taken?.()
        resolve()
      })
    })
    response.on('error', () => response.destroy())
  }

  get open(): boolean {
    return this.#open && !this.#response.destroyed
  }

  /** Sends one event; resolves with whether it was taken. One at a time. @param data one line */
  send(data: string, event?: string): Promise<boolean> {
    return this.#write(`${event === undefined ? '' : `event: ${event}\n`}data: ${data}\n\n`)
  }

  /** Sends a last event and ends the stream. A reader that does not take it is cut off. */
  async end(data: string, event: string): Promise<void> {
    clearInterval(this.#heartbeat)
    if (!(await this.send(data, event))) this.#response.destroy()
    this.#response.end()
    const cut = setTimeout(() => this.#cut(), this.#stallMs)
    await this.closed
    clearTimeout(cut)
  }

  #cut(): void {
    if (!this.open) return
    this.#response.destroy()
    this.#stalled()
  }

  async #beat(): Promise<void> {
    if (!this.#taken) await this.#write(': heartbeat\n\n')
  }

  #write(text: string): Promise<boolean> {
    this.#last = this.#last.then(() => this.#writeNow(text))
    return this.#last
  }

  #writeNow(text: string): Promise<boolean> {
    if (!this.open) return Promise.resolve(false)
    return new Promise(resolve => {
      const stalled = setTimeout(() => this.#cut(), this.#stallMs)
      this.#taken = error => {
        clearTimeout(stalled)
        this.#taken = undefined
        resolve(!error && this.open)
      }
      this.#response.write(text, error => this.#taken?.(error))
    })
  }
}
