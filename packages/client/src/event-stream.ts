const LINE_LENGTH_MAX = 64 * 1024

/** One server-sent event. */
export interface ServerEvent {
  /** `message` where the stream does not name one. */
  readonly type: string
  readonly data: string
}

/** Takes a stream of server-sent events apart, in whatever pieces it arrives (WHATWG HTML, section 9.2). Comments are left out. */
export class EventParser {
  readonly #decoder = new TextDecoder()
  #rest = ''
  #type = ''
  #data: string[] = []

  /** The events that the bytes complete. @throws Error where a line is longer than 64 Ki characters */
  push(bytes: Uint8Array): ServerEvent[] {
    // A line end of two characters may be cut in the middle: the first one alone waits for what follows.
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true })
    const whole = text.endsWith('\r') ? text.slice(0, -1) : text
    const lines = whole.split(/\r\n|\n|\r/)
    this.#rest = (lines.pop() ?? '') + text.slice(whole.length)
    if (this.#rest.length > LINE_LENGTH_MAX || lines.some(line => line.length > LINE_LENGTH_MAX)) {
      throw new Error(`the stream of events has a line of more than ${LINE_LENGTH_MAX} characters`)
    }
    return lines.map(line => this.#line(line)).filter(event => event !== undefined)
  }

  #line(line: string): ServerEvent | undefined {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') this.#data.push(value)
    if (field === 'event') this.#type = value
    if (this.#data.length > 16) throw new Error('the stream of events has an event of more than 16 lines')
    return undefined
  }

  #dispatch(): ServerEvent | undefined {
    const event = { type: this.#type || 'message', data: this.#data.join('\n') }
    const empty = this.#type === '' && this.#data.length === 0
    this.#type = ''
    this.#data = []
    return empty ? undefined : event
  }
}
