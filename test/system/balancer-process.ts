import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type BalancerKind, writeBalancer } from '@tallymesh/server'
import { freePort } from '../cluster/free-port.js'
import { until } from '../cluster/until.js'
import { askOnce } from './answer.js'

export type { BalancerKind }

const OUTPUT_LENGTH_MAX = 20_000
export const BALANCERS: readonly BalancerKind[] = ['haproxy', 'nginx']

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Whether the program is here; says so where it is not. */
export function installed(kind: BalancerKind): boolean {
  const found = existsSync(`/usr/sbin/${kind}`)
  if (!found) console.log(`SKIP: ${kind} is not installed`)
  return found
}

/** A real HAProxy or NGINX with the configuration that `tallymesh cluster` runs. */
export class BalancerProcess {
  /** The end of what it printed. */
  output = ''
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>

  private constructor(
    readonly kind: BalancerKind,
    readonly port: number,
    command: readonly string[],
  ) {
    const [program = '', ...args] = command
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    running.add(this.#child)
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', chunk => (this.output = `${this.output}${chunk}`.slice(-OUTPUT_LENGTH_MAX)))
    }
    this.#exited = once(this.#child, 'exit').then(() => running.delete(this.#child))
  }

  /** Resolves once a backend answers through it. @param directory for its files; may be missing */
  static async start(kind: BalancerKind, directory: string, ports: readonly number[]): Promise<BalancerProcess> {
    const port = await freePort()
    const servers = ports.map((backend, i) => ({ name: `node${i}`, host: '127.0.0.1', port: backend }))
    const command = writeBalancer(kind, directory, { bind: `127.0.0.1:${port}`, servers })
    const balancer = new BalancerProcess(kind, port, command)
    await until(`${kind} to pass requests on`, async () => {
      const answer = await askOnce(port, '/readyz', { timeoutMs: 1_000 })
      return answer?.status === 200 || `${answer?.status} ${answer?.text} ${balancer.output.slice(-1_000)}`
    })
    return balancer
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }
}
