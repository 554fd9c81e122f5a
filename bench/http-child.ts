import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What a process of an HTTP benchmark can be asked for. */
export type HttpRequest =
  /** Serves a node's API. Answers its URL. */
  | { readonly type: 'tallymesh'; readonly dataDir: string; readonly runtimeDir: string }
  /** Serves routes of Fastify that parse and check the same bodies and do nothing; where a directory is given, they wait for a synced
   *  put that they share. Answers their URL. */
  | { readonly type: 'fastify'; readonly dataDir?: string }
  | ({ readonly type: 'load' } & Load)
  /** Processor time of the process so far. */
  | { readonly type: 'cpu' }

/** What autocannon sends. */
export interface Load {
  readonly url: string
  /** Each connection goes through them in turn. */
  readonly paths: readonly string[]
  readonly body: string
  readonly connections: number
  /** Requests under way on each connection; default 1. */
  readonly pipelining?: number
  readonly durationMs: number
}

/** What came of it. */
export interface Loaded {
  /** Requests that were answered with status 200, and how long each took. */
  readonly ok: number
  readonly latenciesMs: Float64Array
  readonly durationMs: number
  /** Other statuses, connections that broke, requests without an answer in time. */
  readonly failed: number
}

export interface HttpAnswer {
  readonly url?: string
  readonly ms?: number
  readonly loaded?: Loaded
  readonly error?: string
}

const ANSWER_MS_MAX = 60_000
const script = fileURLToPath(new URL('./http-child-main.js', import.meta.url))

/** A process of our own: a server, or the program that loads it. It ends with this one. */
export class HttpChild {
  readonly #process: ChildProcess = fork(script, [], { serialization: 'advanced' })

  /** One question at a time. */
  async ask(request: HttpRequest): Promise<HttpAnswer> {
    const waited = new AbortController()
    const { signal } = waited
    const timer = setTimeout(() => waited.abort(), ANSWER_MS_MAX)
    try {
      this.#process.send(request)
      const ended = once(this.#process, 'exit', { signal }).then(() => {
        throw new Error('a child process ended early')
      })
      ended.catch(() => {})
      const [answer] = (await Promise.race([once(this.#process, 'message', { signal }), ended])) as [HttpAnswer]
      if (answer.error !== undefined) throw new Error(answer.error)
      return answer
    } finally {
      clearTimeout(timer)
      waited.abort()
    }
  }

  async end(): Promise<void> {
    const { exitCode, signalCode } = this.#process
    if (exitCode !== null || signalCode !== null) return
    const exited = once(this.#process, 'exit')
    this.#process.disconnect()
    await exited
  }
}
