import type { ReadableStream } from 'node:stream/web'
import type { Access } from './access.js'
import { CommandError, EXIT } from './exit-code.js'
import { networkReason } from './network-reason.js'
import { printable } from './printer.js'

/** An answer of the server other than success. */
export class Refusal extends CommandError {
  readonly status: number
  readonly code: string | undefined

  constructor(exit: number, message: string, status: number, code: string | undefined) {
    super(exit, message)
    this.status = status
    this.code = code
  }
}

/** What is asked of the room. */
export interface Ask {
  readonly method?: 'GET' | 'DELETE' | 'POST'
  /** From `/v1` on, encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Made anew for each server that is tried. */
  readonly body?: () => ReadableStream
  /** Ends the request, and the reading of its answer. */
  readonly signal?: AbortSignal
  /** Statuses that are answers, besides success. */
  readonly accept?: readonly number[]
}

const PROBLEM_BYTES_MAX = 64 * 1024
const ANSWER_BYTES_MAX = 64 * 1024 * 1024

/** Asks one server of the room after the other until one answers. Only for requests that may be made twice. */
export class RoomHttp {
  readonly #access: Access
  /** The server that answered last is asked first. */
  #first = 0

  constructor(access: Access) {
    this.#access = access
  }

  /** The server that answered last. */
  get url(): string {
    return this.#access.urls[this.#first] as string
  }

  /** The JSON that the room answers. @throws CommandError (unreachable, refused, indeterminate, failed) */
  async json(ask: Ask): Promise<unknown> {
    const deadline = AbortSignal.timeout(this.#access.timeoutMs * this.#access.urls.length)
    const signal = ask.signal ? AbortSignal.any([ask.signal, deadline]) : deadline
    const answer = await this.fetch({ ...ask, signal })
    if (answer.status === 204) return undefined
    try {
      return JSON.parse(await readBody(answer, ANSWER_BYTES_MAX))
    } catch (cause) {
      const what = cause instanceof SyntaxError ? strange(answer) : `broke off: ${networkReason(cause)}`
      throw new CommandError(EXIT.unreachable, `${this.url} ${what}`, { cause })
    }
  }

  /** The answer, its body unread. `timeoutMs` bounds the time to its head only. */
  async fetch(ask: Ask): Promise<Response> {
    const { urls } = this.#access
    const failures: CommandError[] = []
    for (let turn = 0; turn < urls.length; turn++) {
      const at = (this.#first + turn) % urls.length
      try {
        const answer = await this.#ask(urls[at] as string, ask)
        this.#first = at
        return answer
      } catch (error) {
        if (!(error instanceof CommandError) || error.exit !== EXIT.unreachable) throw error
        failures.push(error)
      }
    }
    throw new CommandError(EXIT.unreachable, failures.map(({ message }) => message).join('; '))
  }

  async #ask(url: string, ask: Ask): Promise<Response> {
    const { token, timeoutMs } = this.#access
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    try {
      const answer = await fetch(url + ask.path, {
        method: ask.method ?? 'GET',
        headers: { ...ask.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
        redirect: 'manual',
        signal: ask.signal ? AbortSignal.any([ask.signal, late.signal]) : late.signal,
        ...(ask.body ? { body: ask.body(), duplex: 'half' } : {}),
      })
      if (answer.ok || ask.accept?.includes(answer.status)) return answer
      throw await refusal(url, answer)
    } catch (error) {
      if (error instanceof CommandError) throw error
      throw new CommandError(EXIT.unreachable, `${url} cannot be reached: ${networkReason(error)}`, { cause: error })
    } finally {
      clearTimeout(timer)
    }
  }
}

async function refusal(url: string, answer: Response): Promise<CommandError> {
  const problem = await readProblem(answer)
  if (problem === undefined) return new CommandError(EXIT.unreachable, `${url} ${strange(answer)}`)
  const { code, detail } = problem
  return new Refusal(exitOf(answer.status), `${printable(detail)} (${printable(code)})`, answer.status, code)
}

/** 2xx is done, 4xx refused, 503 not ready, 504 open. */
function exitOf(status: number): number {
  if (status >= 400 && status < 500) return EXIT.refused
  if (status === 503) return EXIT.unreachable
  return status === 504 ? EXIT.indeterminate : EXIT.failed
}

async function readProblem(answer: Response): Promise<{ code: string; detail: string } | undefined> {
  if (!/^application\/problem\+json\b/.test(answer.headers.get('content-type') ?? '')) {
    await answer.body?.cancel()
    return undefined
  }
  try {
    const problem: unknown = JSON.parse(await readBody(answer, PROBLEM_BYTES_MAX))
    const { code, detail } = problem as { code: unknown; detail: unknown }
    return typeof code === 'string' && typeof detail === 'string' ? { code, detail } : undefined
  } catch {
    return undefined
  }
}

/** Says that something answers that is no tallymesh server, such as a balancer without one. */
function strange(answer: Response): string {
  const type = answer.headers.get('content-type')?.split(';', 1)[0] ?? 'no content type'
  return `does not answer as a tallymesh server (HTTP ${answer.status}, ${printable(type)})`
}

async function readBody(answer: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new Error(`more than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
