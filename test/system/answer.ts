import { type Agent, type IncomingHttpHeaders, request } from 'node:http'

/** A whole HTTP answer. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The parsed body; undefined where it is no JSON. */
  readonly json: Readonly<Record<string, unknown>> | undefined
}

export interface Question {
  readonly method?: string
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it is, in place of `body`. */
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  /** Keeps connections between questions; omitted, each has one of its own. */
  readonly agent?: Agent
}

/** Asks over HTTP.
 *  @throws Error where no whole answer comes within `timeoutMs`, 5,000 by default */
export function ask(port: number, path: string, question: Question = {}): Promise<Answer> {
  const body = question.text ?? (question.body === undefined ? undefined : JSON.stringify(question.body))
  const method = question.method ?? (body === undefined ? 'GET' : 'POST')
  const length = { 'content-length': `${Buffer.byteLength(body ?? '')}` }
  const sent = body === undefined ? {} : { 'content-type': 'application/json', ...length }
  const headers = { ...sent, ...question.headers }
  return new Promise((resolve, reject) => {
    const asking = request(
      { host: '127.0.0.1', port, path, method, headers, agent: question.agent ?? false },
      response => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', fail)
        response.on('end', () => {
          clearTimeout(timer)
          const text = Buffer.concat(parts).toString()
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) })
        })
      },
    )
    const fail = (error: Error): void => {
      clearTimeout(timer)
      asking.destroy()
      reject(error)
    }
    const timeoutMs = question.timeoutMs ?? 5_000
    const timer = setTimeout(() => fail(new Error(`no answer to ${method} ${path} within ${timeoutMs} ms`)), timeoutMs)
    asking.on('error', fail)
    asking.end(body)
  })
}

/** As `ask`; undefined where nobody answers. */
export async function askOnce(port: number, path: string, question: Question = {}): Promise<Answer | undefined> {
  try {
    return await ask(port, path, question)
  } catch {
    return undefined
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}
