import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { until } from '../../src/cluster/until.js'
import { PROGRAM } from '../program.js'

const DEADLINE_MS = 60_000

/** An event as `--json` prints it. */
export interface PrintedEvent {
  readonly at: string
  readonly level: string
  readonly node: string
  readonly type: string
  readonly pid?: number
  readonly awayMs?: number
  readonly urls?: Readonly<Record<string, string>>
}

const running = new Set<ChildProcess>()
process.on('exit', killClusters)

/** Ends what a failed test left; the guard of each ends its nodes. */
export function killClusters(): void {
  for (const child of running) child.kill('SIGKILL')
}

/** `tallymesh cluster` in a process of its own. */
export class TallymeshCluster {
  text = ''
  readonly exited: Promise<number | null>
  readonly #child: ChildProcess

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(process.execPath, [PROGRAM, 'cluster', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    running.add(this.#child)
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on('data', chunk => (this.text += chunk))
    this.exited = once(this.#child, 'close').then(([code]) => {
      running.delete(this.#child)
      return code as number | null
    })
  }

  /** Starts one that prints JSON, and waits until it is up. */
  static async up(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<TallymeshCluster> {
    const cluster = new TallymeshCluster(['--json', ...args], env)
    await cluster.printed('cluster', 'up')
    return cluster
  }

  get events(): PrintedEvent[] {
    const lines = this.text.split('\n').filter(line => line.startsWith('{'))
    return lines.map(line => JSON.parse(line) as PrintedEvent)
  }

  of(node: string, type: string): PrintedEvent[] {
    return this.events.filter(event => event.node === node && event.type === type)
  }

  async printed(node: string, type: string, count = 1): Promise<void> {
    let over = false
    void this.exited.then(() => (over = true))
    await until(`${count} × ${type} of ${node}`, () => over || this.of(node, type).length >= count, DEADLINE_MS)
    if (this.of(node, type).length < count)
      throw new Error(`it ended before ${count} × ${type} of ${node}:\n${this.text}`)
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Every process that it ever started and said so. */
  get pids(): number[] {
    return this.events.flatMap(({ type, pid }) => (type === 'started' && pid !== undefined ? [pid] : []))
  }

  async end(): Promise<number | null> {
    this.signal('SIGTERM')
    return await this.exited
  }
}

export function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
