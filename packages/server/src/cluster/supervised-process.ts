import { type ChildProcess, spawn } from 'node:child_process'
import { ChildLog } from './child-log.js'
import { type ChildWord, ChildWords } from './child-words.js'
import type { Guard } from './guard.js'

/** How a process ended. */
export interface ProcessEnd {
  /** The signal or the exit code, for people. */
  readonly how: string
  /** What it last said of an error. */
  readonly lastError: string | undefined
  /** Undefined where a signal ended it, or where it never began. */
  readonly exitCode: number | undefined
}

export interface ProcessOptions {
  readonly command: readonly string[]
  /** Instead of this process's environment. */
  readonly env: NodeJS.ProcessEnv
  readonly logFile: string
  readonly guard: Guard
  readonly said: (word: ChildWord) => void
  /** Once, when it is gone. */
  readonly ended: (end: ProcessEnd) => void
}

/** One child process: its output in a bounded log, its end noticed at once, its life bound to this one's by the guard. */
export class SupervisedProcess {
  readonly gone: Promise<void>
  readonly #child: ChildProcess

  constructor(options: ProcessOptions) {
    const { command, env, logFile, guard, said, ended } = options
    const [program = '', ...args] = command
    const log = new ChildLog(logFile)
    // In a session of its own: Ctrl-C in a terminal reaches the supervisor alone, which ends its children in its own way.
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    this.#child = child
    const { pid } = child
    if (pid !== undefined) guard.watch(pid)
    const streams = [child.stdout, child.stderr].map(stream => {
      const words = new ChildWords(said)
      stream?.on('data', (chunk: Buffer) => {
        log.write(chunk)
        words.take(chunk, performance.now())
      })
      stream?.on('error', () => {})
      return words
    })
    this.gone = new Promise(resolve => {
      const finish = (end: ProcessEnd) => {
        if (pid !== undefined) guard.unwatch(pid)
        ended(end)
        resolve()
      }
      child.once('error', error => {
        // An error of `kill` is no end; without a process there will be no `exit`.
        if (child.pid === undefined) {
          finish({ how: 'it could not be started', lastError: error.message, exitCode: undefined })
        }
      })
      child.once('exit', (code, signal) => {
        // What it wrote last may still be in the pipe: a crash is explained there.
        setImmediate(() => {
          const lastError = streams.map(words => words.lastError).find(text => text !== undefined)
          finish({
            how: signal ?? `exit code ${code}`,
            lastError: signal === null && code !== 0 ? lastError : undefined,
            exitCode: code ?? undefined,
          })
        })
      })
      child.once('close', () => log.close())
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Asks it to end, and ends it by SIGKILL where that takes longer than `graceMs`. Resolves once it is gone. */
  async stop(graceMs: number): Promise<void> {
    // A frozen process takes SIGTERM only once it is thawed.
    if (graceMs > 0) for (const signal of ['SIGTERM', 'SIGCONT'] as const) this.#child.kill(signal)
    const deadline = setTimeout(() => this.#child.kill('SIGKILL'), graceMs)
    await this.gone
    clearTimeout(deadline)
  }
}
