import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { programPath } from '../cluster/program.js'
import { until } from '../cluster/until.js'
import { ask, askOnce } from './answer.js'

const PROGRAM = programPath('bin/tallymesh.js', new URL('../../../packages/server/bin/tallymesh.js', import.meta.url))
const OUTPUT_LENGTH_MAX = 20_000

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** How a node is started; the same plan starts it again. */
export interface NodePlan {
  readonly name: string
  readonly room: string
  readonly port: number
  readonly dataDir: string
  readonly runtimeDir: string
  /** Ports of others. */
  readonly peers: readonly number[]
  /** More flags of `tallymesh start`. */
  readonly flags: readonly string[]
}

/** How a process ended. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A real `tallymesh start`. */
export class NodeProcess {
  readonly startedMs = performance.now()
  /** The end of what it printed. */
  output = ''
  ending: Ending | undefined
  readonly #child: ChildProcess
  readonly #exited: Promise<Ending>

  constructor(readonly plan: NodePlan) {
    this.#child = spawn(process.execPath, [PROGRAM, ...args(plan)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment(),
    })
    running.add(this.#child)
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', chunk => (this.output = `${this.output}${chunk}`.slice(-OUTPUT_LENGTH_MAX)))
    }
    this.#exited = once(this.#child, 'exit').then(([code, signal]) => {
      running.delete(this.#child)
      this.ending = { code, signal }
      return this.ending
    })
  }

  get name(): string {
    return this.plan.name
  }

  get port(): number {
    return this.plan.port
  }

  /** Waits until its data directory is open, so that it answers what that holds. */
  async opened(): Promise<void> {
    await until(`${this.name} to be open`, async () => {
      const answer = await askOnce(this.port, '/readyz', { timeoutMs: 1_000 })
      return answer?.status === 200 || answer?.json?.reason === 'catching-up' || `${answer?.text}`
    })
  }

  /** Waits until it says that it is ready. Resolves with the time since its start, in ms. */
  async ready(): Promise<number> {
    await until(`${this.name} to be ready`, async () => {
      if (this.ending) throw new Error(`${this.name} ended: ${JSON.stringify(this.ending)}\n${this.output}`)
      const answer = await askOnce(this.port, '/readyz', { timeoutMs: 1_000 })
      return answer?.status === 200 || (answer?.text ?? `no answer; it printed ${this.output.slice(-1_000)}`)
    })
    return performance.now() - this.startedMs
  }

  /** The increments less the decrements of a counter, as this node alone answers. */
  async value(key: string): Promise<number> {
    const { status, json, text } = await ask(this.port, `/v1/counters/${encodeURIComponent(key)}`)
    if (status !== 200 || typeof json?.value !== 'number') throw new Error(`${this.name} answers ${status} ${text}`)
    return json.value
  }

  /** As a crash ends it: nothing is flushed. Resolves once the process is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** Holds the process where it is: it keeps its sockets and answers nothing. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  /** Asks it to drain and end, as an operator or a service manager does. Resolves once it is gone. */
  async terminate(): Promise<Ending> {
    this.#child.kill('SIGTERM')
    return this.#exited
  }
}

function args({ name, room, port, dataDir, runtimeDir, peers, flags }: NodePlan): string[] {
  const where = ['--data', dataDir, '--runtime-dir', runtimeDir, '--listen', `127.0.0.1:${port}`]
  const seeds = peers.flatMap(peer => ['--peer', `ws://127.0.0.1:${peer}`])
  return ['start', '--name', name, '--room', room, ...where, ...seeds, ...flags]
}

/** The test's own, without settings that a developer's shell may hold. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TALLYMESH_')))
}
