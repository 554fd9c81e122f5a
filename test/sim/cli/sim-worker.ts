import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Answer, PlanDone, Request, SeedsDone, Shrunk } from './work.js'

const WORKER = fileURLToPath(new URL('worker.js', import.meta.url))
const LOADER = new URL('../mutants/mutant-loader.js', import.meta.url).href
/** A run takes milliseconds; a worker that is silent for so long hangs. */
const SILENCE_MS_MAX = 60_000
const COMPLAINT_CHARACTERS_MAX = 4_000
/** Rooms make much garbage and keep little: a larger nursery is collected more rarely. */
const NODE_FLAGS = ['--max-semi-space-size=64']

export interface WorkerOptions {
  /** The address of a module that exports `simulator`. */
  readonly simulator: string
  /** The name of the bug that is planted in it. */
  readonly mutant?: string | undefined
  readonly silenceMsMax?: number
}

/** A worker ended, or hung and was ended, in the middle of its work. */
export class WorkerLost extends Error {
  constructor(
    message: string,
    /** What it worked on last. */
    readonly seed: number | undefined,
  ) {
    super(message)
  }
}

interface Waiting {
  readonly resolve: (result: never) => void
  readonly reject: (error: WorkerLost) => void
  readonly shrinking: ((text: string) => void) | undefined
}

/** A process that runs seeds, one request at a time. */
export class SimWorker {
  readonly #child: ChildProcess
  readonly #silenceMsMax: number
  #waiting: Waiting | undefined
  #seed: number | undefined
  #complaint = ''
  #hung = false
  #silence: NodeJS.Timeout | undefined
  readonly #ended: Promise<void>

  constructor({ simulator, mutant, silenceMsMax = SILENCE_MS_MAX }: WorkerOptions) {
    const { NODE_V8_COVERAGE, ...env } = process.env
    // What is measured of changed source would be told of the unchanged one.
    const coverage = NODE_V8_COVERAGE === undefined || mutant !== undefined ? {} : { NODE_V8_COVERAGE }
    this.#silenceMsMax = silenceMsMax
    this.#child = fork(WORKER, [simulator], {
      execArgv: [...NODE_FLAGS, ...(mutant === undefined ? [] : ['--import', `${LOADER}?name=${mutant}`])],
      env: { ...env, ...coverage },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    })
    this.#child.stderr?.on('data', bytes => {
      this.#complaint = (this.#complaint + String(bytes)).slice(-COMPLAINT_CHARACTERS_MAX)
    })
    this.#child.on('message', (answer: Answer) => this.#hear(answer))
    this.#ended = new Promise(resolve => {
      this.#child.on('error', error => this.#lose(`the worker could not be started: ${error.message}`, resolve))
      this.#child.on('close', (code, signal) => this.#lose(this.#describe(code, signal), resolve))
    })
  }

  /** @throws WorkerLost */
  seeds(request: Extract<Request, { type: 'seeds' }>): Promise<SeedsDone> {
    return this.#ask(request)
  }

  /** @throws WorkerLost */
  plan(request: Extract<Request, { type: 'plan' }>): Promise<PlanDone> {
    return this.#ask(request)
  }

  /** @throws WorkerLost */
  shrink(request: Extract<Request, { type: 'shrink' }>, progress?: (text: string) => void): Promise<Shrunk> {
    return this.#ask(request, progress)
  }

  /** Ends the process, whatever it does. */
  async close(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  #ask<Result>(request: Request, shrinking?: (text: string) => void): Promise<Result> {
    if (this.#waiting) throw new Error('a worker takes one request at a time')
    return new Promise<Result>((resolve, reject) => {
      this.#waiting = { resolve: resolve as (result: never) => void, reject, shrinking }
      this.#listen()
      if (this.#child.connected) this.#child.send(request)
      else void this.#ended.then(() => this.#lose('the worker had ended', () => {}))
    })
  }

  #hear(answer: Answer): void {
    if (answer.type === 'at') this.#seed = answer.seed
    if (answer.type === 'shrinking') this.#waiting?.shrinking?.(answer.text)
    this.#listen()
    if (answer.type !== 'done') return
    const waiting = this.#waiting
    this.#waiting = undefined
    clearTimeout(this.#silence)
    waiting?.resolve(answer.result as never)
  }

  /** The silence begins anew. */
  #listen(): void {
    clearTimeout(this.#silence)
    if (!this.#waiting) return
    this.#silence = setTimeout(() => {
      this.#hung = true
      this.#child.kill('SIGKILL')
    }, this.#silenceMsMax)
  }

  #describe(code: number | null, signal: NodeJS.Signals | null): string {
    if (this.#hung) return `the worker said nothing for ${this.#silenceMsMax / 1000} s: it hangs`
    return `the worker ended with ${signal ?? `code ${code}`}: ${this.#complaint.trim() || 'it said nothing'}`
  }

  #lose(text: string, ended: () => void): void {
    clearTimeout(this.#silence)
    ended()
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.reject(new WorkerLost(text, this.#seed))
  }
}
