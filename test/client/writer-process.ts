import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { until } from '../cluster/until.js'
import type { WriterPlan } from './outbox-writer.js'

const PROGRAM = fileURLToPath(new URL('./outbox-writer.js', import.meta.url))
/** A process of its own that adds through an outbox. */
export class WriterProcess {
  static readonly #running = new Set<WriterProcess>()
  readonly lines: string[] = []
  readonly #child: ChildProcess

  constructor(plan: WriterPlan) {
    this.#child = spawn(process.execPath, [PROGRAM, JSON.stringify(plan)], { stdio: ['ignore', 'pipe', 'inherit'] })
    WriterProcess.#running.add(this)
    let rest = ''
    this.#child.stdout?.on('data', chunk => {
      const lines = `${rest}${chunk}`.split('\n')
      rest = lines.pop() ?? ''
      this.lines.push(...lines)
    })
  }

  /** What a test that failed left would keep its process alive. */
  static async killAll(): Promise<void> {
    await Promise.all(Array.from(WriterProcess.#running, writer => writer.kill()))
  }

  /** How many of its first adds are in the outbox, or were, as far as it could say. */
  get kept(): number {
    const last = this.lines.filter(line => line.startsWith('kept ')).at(-1)
    return Number(last?.slice('kept '.length) ?? 0)
  }

  async says(line: RegExp): Promise<string> {
    await until(`the writer to say ${line}`, () => this.lines.some(each => line.test(each)) || this.lines.join(', '))
    return this.lines.find(each => line.test(each)) as string
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
    WriterProcess.#running.delete(this)
  }
}
