import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BalancerChoice } from './flags.js'
import { FlagError } from './flags.js'
import type { Guard } from './guard.js'
import { freePort } from './ports.js'
import { probe } from './probe.js'
import { until } from './until.js'

const START_DEADLINE_MS = 10_000
const PROBE_DEADLINE_MS = 500
const PROBE_INTERVAL_MS = 200

/** Where the traffic sends its requests. */
export interface Balancer {
  /** What it is, for the view. */
  readonly title: string
  /** The ports to try for one request, in order: the next only where the one before refused the connection. */
  ports(): readonly number[]
  /** Breaks off, when it finds that whoever listens there hangs. */
  onDown(listener: (port: number) => void): void
  close(): void
}

export interface BalancerOptions {
  readonly directory: string
  readonly httpPorts: ReadonlyMap<string, number>
  readonly guard: Guard
  readonly signal: AbortSignal
}

/** How the two programs are started, and how a node is written in their files. */
const PROGRAMS = {
  haproxy: {
    title: 'HAProxy',
    template: 'haproxy.cfg',
    server: (name: string, port: number) => `  server ${name} 127.0.0.1:${port}`,
    args: (file: string) => ['-db', '-f', file],
  },
  nginx: {
    title: 'NGINX',
    template: 'nginx.conf',
    server: (_name: string, port: number) => `    server 127.0.0.1:${port} max_fails=1 fail_timeout=1s;`,
    args: (file: string, directory: string) => ['-p', directory, '-c', file],
  },
} as const

/** What to use on this machine. @throws FlagError where what was asked for is not installed */
export function chooseBalancer(
  choice: BalancerChoice,
): { kind: keyof typeof PROGRAMS; command: string } | { kind: 'client' } {
  if (choice === 'client') return { kind: 'client' }
  for (const kind of choice === 'auto' ? (['haproxy', 'nginx'] as const) : [choice]) {
    const command = findProgram(kind)
    if (command !== undefined) return { kind, command }
  }
  if (choice !== 'auto') throw new FlagError(`--lb ${choice}: ${choice} is not installed here`)
  return { kind: 'client' }
}

export async function openBalancer(
  chosen: ReturnType<typeof chooseBalancer>,
  options: BalancerOptions,
): Promise<Balancer> {
  if (chosen.kind === 'client') return new RoundRobin([...options.httpPorts.values()])
  const { directory, httpPorts, guard, signal } = options
  const program = PROGRAMS[chosen.kind]
  const port = await freePort()
  const file = join(directory, program.template)
  const servers = [...httpPorts].map(([name, httpPort]) => program.server(name, httpPort)).join('\n')
  const template = readFileSync(new URL(`../${program.template}`, import.meta.url), 'utf8')
  const filled = { '{{port}}': String(port), '{{servers}}': servers, '{{directory}}': directory }
  const text = Object.entries(filled).reduce(
    (text, [mark, value]) => text.replaceAll(mark, value),
    template.replace(/^#.*\n/, ''),
  )
  writeFileSync(file, text)
  guard.order({ type: 'run', command: chosen.command, args: program.args(file, directory) })
  const answers = async () => {
    if (guard.ended !== undefined) throw new Error(`${program.title} did not start: ${guard.ended}`)
    const result = await probe(port, '/readyz', PROBE_DEADLINE_MS)
    return result.type === 'answer' && result.status === 200
  }
  await until(`${program.title} to pass requests on`, answers, START_DEADLINE_MS, signal)
  return { title: program.title, ports: () => [port], onDown: () => {}, close: () => {} }
}

/** A client that balances for itself: round robin over the nodes that answer their probes. */
class RoundRobin implements Balancer {
  readonly title = 'a client with failover (neither HAProxy nor NGINX)'
  readonly #down = new Set<number>()
  readonly #prober: NodeJS.Timeout
  #listener: ((port: number) => void) | undefined
  #next = 0

  constructor(readonly all: readonly number[]) {
    this.#prober = setInterval(() => {
      for (const port of all) void this.#probe(port)
    }, PROBE_INTERVAL_MS)
  }

  ports(): readonly number[] {
    this.#next = (this.#next + 1) % this.all.length
    const turned = [...this.all.slice(this.#next), ...this.all.slice(0, this.#next)]
    const healthy = turned.filter(port => !this.#down.has(port))
    return healthy.length > 0 ? healthy : turned
  }

  onDown(listener: (port: number) => void): void {
    this.#listener = listener
  }

  close(): void {
    clearInterval(this.#prober)
  }

  async #probe(port: number): Promise<void> {
    const result = await probe(port, '/readyz', PROBE_DEADLINE_MS)
    if (result.type === 'answer' && result.status === 200) return void this.#down.delete(port)
    if (!this.#down.has(port)) this.#listener?.(port)
    this.#down.add(port)
  }
}

function findProgram(name: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin']
  return directories
    .filter(directory => directory !== '')
    .map(directory => join(directory, name))
    .find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
