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
  readonly deadlineMs: number
}

/** Runs a Node process in a process group of its own, and kills what is left of the group when it ends or at the deadline. */
export async function runProcess({ args, cwd, env, deadlineMs }: Start): Promise<Ran> {
  const start = performance.now()
  const child = spawn(process.execPath, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const { pid } = child
  if (pid === undefined) throw new Error(`cannot start ${process.execPath} ${args.join(' ')}`)
  running.add(pid)
  const output = collectOutput(child)
  let late = false
  const deadline = setTimeout(() => {
    late = true
    killGroup(pid)
  }, deadlineMs)
  const closed = new Promise(resolve => child.once('close', resolve))
  const [code, signal] = await new Promise<[number | null, string | null]>(resolve => {
    child.once('exit', (...how) => resolve(how))
  })
  clearTimeout(deadline)
  const durationMs = performance.now() - start
  killGroup(pid)
  running.delete(pid)
  await closeOf(child, closed)
  return { ending: late ? { code, signal, killedAfterMs: deadlineMs } : { code, signal }, output: output(), durationMs }
}

/** Ends every process that runs now, for a runner that is told to stop. */
export function killAll(): void {
  for (const pid of running) killGroup(pid)
}

function collectOutput(child: ChildProcess): () => string {
  const chunks: Buffer[] = []
  let bytes = 0
  const take = (chunk: Buffer): void => {
    if (bytes < OUTPUT_BYTES_MAX) chunks.push(chunk)
    bytes += chunk.length
  }
  child.stdout?.on('data', take)
  child.stderr?.on('data', take)
  return () => {
    const cut = bytes > OUTPUT_BYTES_MAX ? `\n(output is cut after ${OUTPUT_BYTES_MAX} of ${bytes} bytes)\n` : ''
    return Buffer.concat(chunks).toString() + cut
  }
}

/** Waits until the pipes are read to their end. A grandchild that left the group may hold them: they are given up then. */
async function closeOf(child: ChildProcess, closed: Promise<unknown>): Promise<void> {
  const giveUp = setTimeout(() => {
    child.stdout?.destroy()
    child.stderr?.destroy()
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
