import { Agent, get } from 'node:http'

/** Probes ask on a connection of their own: a hung process must not hide behind an old one. */
const agent = new Agent({ keepAlive: false })
const BODY_BYTES_MAX = 1024 * 1024

export type ProbeResult =
  | { readonly type: 'answer'; readonly status: number; readonly body: unknown }
  /** Nothing came within the time allowed: the process hangs, or the machine is very busy. */
  | { readonly type: 'silence' }
  /** Nobody listens, or the connection broke. */
  | { readonly type: 'broken' }

export interface ProbeTarget {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly token?: string | undefined
}

/** Asks a node once. The body is parsed JSON, undefined where it is none. Never rejects. */
export function probe({ host, port, path, token }: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  return new Promise(resolve => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const end = (result: ProbeResult) => {
      clearTimeout(timer)
      resolve(result)
      request.destroy()
    }
    const request = get({ host, port, path, agent, headers }, response => {
      const parts: Buffer[] = []
      let bytes = 0
      response.on('data', (part: Buffer) => {
        bytes += part.length
        if (bytes > BODY_BYTES_MAX) end({ type: 'broken' })
        else parts.push(part)
      })
      response.on('error', () => end({ type: 'broken' }))
      response.on('end', () => end({ type: 'answer', status: response.statusCode ?? 0, body: parse(parts) }))
    })
    request.on('error', () => end({ type: 'broken' }))
    // Where this process itself was held up, the answer may be waiting to be read: one more round of reading comes first.
    const timer = setTimeout(() => setImmediate(() => setImmediate(() => end({ type: 'silence' }))), timeoutMs)
  })
}

function parse(parts: readonly Buffer[]): unknown {
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown
  } catch {
    return undefined
  }
}

/** A member of a parsed JSON object; undefined where the value is no object or has no such member. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}
