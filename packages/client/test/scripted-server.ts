import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** What a scripted server does with a request. */
export type Step =
  /** Answers and goes on with the connection. */
  | Answer
  /** Ends the connection as soon as it stands. */
  | 'close on connect'
  /** Ends it at the first bytes, none of which it looked at. */
  | 'close unread'
  | 'close in the body'
  | 'close after the body'
  | 'reset after the body'
  /** Sends half of a right answer and ends the connection. */
  | 'close in the answer'
  | 'hang'

export interface Answer {
  readonly status: number
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

/** A request as far as the server read it. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: ReadonlyMap<string, string>
  /** What arrived of it. */
  readonly body: string
  readonly step: Step
  /** Its place among the requests to all servers. */
  readonly order: number
}

export type Request = Omit<Seen, 'step' | 'order'>

/** Steps as functions may look at the request first. */
export type Script = (request: Request) => Step

export function json(body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status: 200, type: 'application/json', body: JSON.stringify(body), headers }
}

export function problem(
  status: number,
  code: string,
  counted?: boolean | 'perhaps',
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const body = JSON.stringify({ type: 'about:blank', title: code, status, code, detail: `${code} it is`, counted })
  return { status, type: 'application/problem+json', body, headers }
}

/** What a server of tallymesh would answer to the request, at value 7. */
export const obliging: Script = ({ method, path, body }) => {
  const { pathname } = new URL(path, 'http://server')
  const key = decodeURIComponent(pathname.slice('/v1/counters/'.length))
  if (method === 'POST' && key === '')
    return json((JSON.parse(body) as { key: string }[]).map(each => ({ key: each.key, value: 7 })))
  if (method === 'POST') return json({ key, value: 7 }, { 'tallymesh-after': '9f:1' })
  return json({ key, value: 7, increments: 9, decrements: 2 })
}

let order = 0

/** HTTP/1.1 by hand, so that it can fail at any byte. */
export class ScriptedServer {
  readonly seen: Seen[] = []
  /** The next steps; after them the script. A step `close on connect` is for the next connection, the others for requests. */
  readonly steps: Array<Step | Script> = []
  script: Script = obliging
  connections = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  static readonly #open = new Set<ScriptedServer>()

  private constructor() {
    this.#server = createServer(socket => this.#accept(socket))
  }

  static async start(...steps: Array<Step | Script>): Promise<ScriptedServer> {
    const scripted = new ScriptedServer()
    scripted.steps.push(...steps)
    scripted.#server.listen(0, '127.0.0.1')
    await once(scripted.#server, 'listening')
    ScriptedServer.#open.add(scripted)
    return scripted
  }

  /** What a test left open would keep its process alive. */
  static async closeAll(): Promise<void> {
    await Promise.all(Array.from(ScriptedServer.#open, server => server.close()))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Of the requests so far that a server could count. */
  get bodies(): string[] {
    return this.seen.map(({ body }) => body)
  }

  async close(): Promise<void> {
    if (!ScriptedServer.#open.delete(this)) return
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(socket: Socket): void {
    this.connections++
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {})
    if (this.steps[0] === 'close on connect') {
      this.steps.shift()
      return void socket.destroy()
    }
    let text = ''
    socket.on('data', data => {
      text += data.toString('latin1')
      text = this.#read(socket, text)
    })
  }

  /** Takes requests from the front of the text; answers what is left. */
  #read(socket: Socket, text: string): string {
    const end = text.indexOf('\r\n\r\n')
    const [first = '', ...lines] = text.slice(0, Math.max(0, end)).split('\r\n')
    const headers = new Map(
      lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    )
    const length = Number(headers.get('content-length') ?? 0)
    const body = end < 0 ? '' : text.slice(end + 4, end + 4 + length)
    const [method = '', path = ''] = first.split(' ')
    const step = this.steps[0]
    const early = step === 'close unread' || (step === 'close in the body' && end >= 0)
    if (!early && (end < 0 || body.length < length)) return text
    this.steps.shift()
    const part = step === 'close in the body' ? body.slice(0, length / 2) : body
    const request = { method, path, headers, body: Buffer.from(part, 'latin1').toString() }
    const taken = typeof step === 'function' ? step(request) : (step ?? this.script(request))
    this.seen.push({ ...request, step: taken, order: order++ })
    this.#act(socket, taken, request)
    return text.slice(end + 4 + length)
  }

  #act(socket: Socket, step: Step, request: Request): void {
    if (typeof step === 'object') return void socket.write(bytesOf(step))
    if (step === 'hang') return
    if (step === 'reset after the body') return void socket.resetAndDestroy()
    if (step !== 'close in the answer') return void socket.destroy()
    const whole = bytesOf(obliging(request) as Answer)
    socket.end(whole.slice(0, whole.length - 5))
  }
}

function bytesOf({ status, type, headers, body }: Answer): string {
  const lines = Object.entries({ ...(type === undefined ? {} : { 'content-type': type }), ...headers })
  return [
    `HTTP/1.1 ${status} Scripted`,
    ...lines.map(([name, value]) => `${name}: ${value}`),
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n')
}

/** An address at which nobody listens. */
export async function nobody(): Promise<string> {
  const server = await ScriptedServer.start()
  const { url } = server
  await server.close()
  return url
}
