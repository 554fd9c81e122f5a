import { type ChildProcess, spawn } from 'node:child_process'
import type { Ending } from './verdict.js'

/** What is kept of a process's output. A test that prints without end must not fill the memory of the runner. */
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024
/** How long a pipe may stay open after its process ended and the rest of its group was killed. */
const PIPE_CLOSE_MS_MAX = 2000

export interface Ran {
  readonly ending: Ending
  readonly output: string
  readonly durationMs: number
}

const running = new Set<number>()

export interface Start {
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

/** Runs a Node process in a process group of its own, and kills what is left of the group when it ends or at the deadline. */
export async function runProcess({ deadlineMs, ...start }: Start & { readonly deadlineMs: number }): Promise<Ran> {
  const startMs = performance.now()
  const started = new StartedProcess(start)
  const output = new Output(started.child)
  const deadline = setTimeout(() => started.kill(), deadlineMs)
  const { code, signal, ms } = await started.ended
  clearTimeout(deadline)
  const ending = started.killed ? { code, signal, killedAfterMs: deadlineMs } : { code, signal }
  return { ending, output: output.take(), durationMs: ms - startMs }
}

/** Ends every process that runs now, for a runner that is told to stop. */
export function killAll(): void {
  for (const pid of running) killGroup(pid)
}

/** A Node process in a process group of its own. Its descriptor 3 is a pipe from here. */
export class StartedProcess {
  readonly child: ChildProcess
  /** Resolves with how and when it ended, once the rest of its group is killed and its output read. */
  readonly ended: Promise<Ending & { readonly ms: number }>
  /** Whether it was ended from here. */
  killed = false
  readonly #pid: number

  constructor({ args, cwd, env }: Start) {
    this.child = spawn(process.execPath, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
    const { pid } = this.child
    if (pid === undefined) throw new Error(`cannot start ${process.execPath} ${args.join(' ')}`)
    this.#pid = pid
    running.add(pid)
    this.ended = this.#end()
  }

  kill(): void {
    this.killed = true
    killGroup(this.#pid)
  }

  async #end(): Promise<Ending & { readonly ms: number }> {
    const closed = new Promise(resolve => this.child.once('close', resolve))
    const [code, signal] = await new Promise<[number | null, string | null]>(resolve => {
      this.child.once('exit', (...how) => resolve(how))
    })
    const ms = performance.now()
    killGroup(this.#pid)
    running.delete(this.#pid)
    await closeOf(this.child, closed)
    return { code, signal, ms }
  }
}

/** What a process prints on both streams, in the order in which it is read. */
export class Output {
  #chunks: Buffer[] = []
  #bytes = 0

  constructor({ stdout, stderr }: ChildProcess) {
    for (const stream of [stdout, stderr]) stream?.on('data', chunk => this.#keep(chunk))
  }

  /** What came since the last call. */
  take(): string {
    const bytes = this.#bytes
    const cut = bytes > OUTPUT_BYTES_MAX ? `\n(output is cut after ${OUTPUT_BYTES_MAX} of ${bytes} bytes)\n` : ''
    const text = Buffer.concat(this.#chunks).toString() + cut
    this.#chunks = []
    this.#bytes = 0
    return text
  }

  #keep(chunk: Buffer): void {
    if (this.#bytes < OUTPUT_BYTES_MAX) this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }
}

/** Waits until the pipes are read to their end. A grandchild that left the group may hold them: they are given up then. */
async function closeOf(child: ChildProcess, closed: Promise<unknown>): Promise<void> {
  const giveUp = setTimeout(() => {
    for (const stream of child.stdio) stream?.destroy()
  }, PIPE_CLOSE_MS_MAX)
  await closed
  clearTimeout(giveUp)
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The group is gone, which is what was wanted.
  }
}
