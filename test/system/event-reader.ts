import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import { until } from '../cluster/until.js'

/** Reads one stream of server-sent events, comments included, and never begins another. */
export class EventReader {
  /** The values of its events, in order. */
  readonly values: number[] = []
  heartbeats = 0
  ended = false
  /** Whose stream it is. */
  node: string | undefined
  #status = 0
  readonly #request: ClientRequest

  constructor(port: number, path: string) {
    const headers = { accept: 'text/event-stream' }
    this.#request = get({ host: '127.0.0.1', port, path, headers, agent: false }, response => this.#read(response))
    this.#request.on('error', () => {
      this.ended = true
    })
  }

  get last(): number | undefined {
    return this.values.at(-1)
  }

  /** Waits for the first event. */
  async begun(): Promise<void> {
    await until('the first event of a stream', () => this.values.length > 0 || `status ${this.#status}`)
  }

  close(): void {
    this.#request.destroy()
  }

  #read(response: IncomingMessage): void {
    this.#status = response.statusCode ?? 0
    this.node = String(response.headers['tallymesh-node'])
    response.on('close', () => {
      this.ended = true
    })
    let text = ''
    response.on('error', () => {})
    response.on('data', chunk => {
      const lines = `${text}${chunk}`.split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) {
        if (line.startsWith(':')) this.heartbeats++
        if (line.startsWith('data:')) this.#take(line.slice('data:'.length))
      }
    })
  }

  #take(json: string): void {
    const { value } = JSON.parse(json) as { value?: number }
    if (typeof value === 'number') this.values.push(value)
  }
}
