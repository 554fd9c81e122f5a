import { randomUUID } from 'node:crypto'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Output, type Ran, StartedProcess } from './run-process.js'
import type { Ending } from './verdict.js'

const RUN_FILES = fileURLToPath(new URL('./run-files.js', import.meta.url))

/** How long a process may take to end after its last file. */
const END_MS_MAX = 30_000

/** One file to be run in a process. */
export interface FileRun {
  /** The absolute path of what is run. */
  readonly file: string
  /** Where the process writes its journal of this file. */
  readonly journal: string
  readonly deadlineMs: number
}

/** A process that runs test files one after another. A file is at its end when nothing that it started keeps the process alive, as
 *  if it had the process for itself: the process then prints a mark that nobody can guess on both of its streams. */
export class TestProcess {
  /** How many files it has been given. */
  files = 0
  readonly #mark = randomUUID()
  readonly #process: StartedProcess
  readonly #output: Output
  #over = false

  constructor({ cwd, env }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }) {
    this.#process = new StartedProcess({ args: [RUN_FILES, this.#mark], cwd, env })
    this.#output = new Output(this.#process.child)
    void this.#process.ended.then(() => (this.#over = true))
    // It may end before it has read what it is told; how it ends says enough.
    this.#told.on('error', () => {})
  }

  /** Whether it can be given another file. */
  get usable(): boolean {
    return !this.#over
  }

  /** Runs one file until its end, that of the process, or the deadline. */
  async run({ file, journal, deadlineMs }: FileRun): Promise<Ran> {
    this.files++
    const startMs = performance.now()
    const { stdout, stderr } = this.#process.child
    const marked = Promise.all([this.#marked(stdout as Readable), this.#marked(stderr as Readable)])
    this.#told.write(`${JSON.stringify({ file, journal })}\n`)
    const deadline = setTimeout(() => this.#process.kill(), deadlineMs)
    const ended = this.#process.ended.then(({ code, signal, ms }): [Ending, number] => [
      this.#process.killed ? { code, signal, killedAfterMs: deadlineMs } : { code, signal },
      ms,
    ])
    const alive = marked.then(([code]): [Ending, number] => [{ code, signal: null }, performance.now()])
    const [ending, endMs] = await Promise.race([alive, ended])
    clearTimeout(deadline)
    const output = this.#output.take().replace(new RegExp(`^${this.#mark} .*\n`, 'gm'), '')
    return { ending, output, durationMs: endMs - startMs }
  }

  /** Lets it end, and write down what it measured; ends it where it does not, and says so. Its files are judged by then. */
  async end(): Promise<void> {
    this.#told.end()
    const deadline = setTimeout(() => {
      console.log(
        `a process of ${this.files} test file(s) did not end by itself in ${END_MS_MAX / 1_000} s: what it measured is lost`,
      )
      this.#process.kill()
    }, END_MS_MAX)
    await this.#process.ended
    clearTimeout(deadline)
  }

  get #told(): Writable {
    return this.#process.child.stdio[3] as Writable
  }

  /** Resolves with the exit code that stands behind the mark. */
  #marked(stream: Readable): Promise<number> {
    const pattern = new RegExp(`^${this.#mark} (\\d+)\n`, 'm')
    let tail = ''
    return new Promise(resolve => {
      const look = (chunk: Buffer): void => {
        tail += chunk.toString('latin1')
        const found = pattern.exec(tail)
        tail = tail.slice(-2 * this.#mark.length)
        if (found === null) return
        stream.off('data', look)
        resolve(Number(found[1]))
      }
      stream.on('data', look)
    })
  }
}
