import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../cluster/free-port.js'
import { until } from '../cluster/until.js'
import { ROOT } from './deployed.js'

const PROGRAM = join(ROOT, 'packages/server/bin/tallymesh.js')
const OUTPUT_MAX = 8_000
const READY_MS_MAX = 60_000

export const TOKENS = { mesh: 'mesh-secret', scrape: 'scrape-secret', app: 'app-secret' } as const

/** A node as an operator runs it: `tallymesh start`, with a tokens file. */
export class ServedNode {
  #child: ChildProcess | undefined
  #output = ''

  constructor(
    readonly name: string,
    readonly port: number,
    readonly args: readonly string[],
  ) {}

  get target(): string {
    return `127.0.0.1:${this.port}`
  }

  get url(): string {
    return `http://${this.target}`
  }

  /** Starts its process and waits until it is ready. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [PROGRAM, 'start', ...this.args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    const take = (text: string) => {
      this.#output = (this.#output + text).slice(-OUTPUT_MAX)
    }
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', take)
    await until(
      `${this.name} to be ready`,
      async () => {
        if (child.exitCode !== null) throw new Error(`${this.name} ended: ${this.#output}`)
        return fetch(`${this.url}/readyz`).then(
          async response => response.ok || (await response.text()),
          (error: Error) => error.message,
        )
      },
      READY_MS_MAX,
    )
  }

  /** Ends its process at once, as a crash does. */
  async kill(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  /** The same, where nothing can be awaited any more. */
  killNow(): void {
    this.#child?.kill('SIGKILL')
  }

  /** Adds, and answers the status. */
  async add(key: string, add: number, changes: { token?: string; replicas?: 'majority' } = {}): Promise<number> {
    const { token = TOKENS.app, ...options } = changes
    const response = await fetch(`${this.url}/v1/counters/${encodeURIComponent(key)}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ add, ...options }),
    })
    await response.arrayBuffer()
    return response.status
  }

  async get(path: string, token: string = TOKENS.app): Promise<string> {
    const response = await fetch(`${this.url}${path}`, { headers: { authorization: `Bearer ${token}` } })
    return response.text()
  }
}

/** Three nodes of one room, and a directory for all that a test writes; all gone after `remove`. */
export class ServedRoom {
  readonly dir = mkdtempSync(join(tmpdir(), 'tallymesh-monitoring-'))
  readonly nodes: ServedNode[] = []

  static async start(names: readonly string[]): Promise<ServedRoom> {
    const room = new ServedRoom()
    try {
      await room.#start(names)
      return room
    } catch (error) {
      await room.remove()
      throw error
    }
  }

  async #start(names: readonly string[]): Promise<void> {
    const tokens = join(this.dir, 'tokens')
    const lines = [`${TOKENS.mesh} peer nodes`, `${TOKENS.scrape} read prometheus`, `${TOKENS.app} read,write app`]
    writeFileSync(tokens, `${lines.join('\n')}\n`, { mode: 0o600 })
    mkdirSync(join(this.dir, 'run'), { mode: 0o700 })
    const ports: number[] = []
    for (const _ of names) ports.push(await freePort())
    for (const [at, name] of names.entries()) {
      const port = ports[at] as number
      const others = ports.filter(other => other !== port).map(other => `ws://127.0.0.1:${other}`)
      const args = [
        ...['--name', name, '--data', this.dataDir(name), '--room', 'shop', '--listen', `127.0.0.1:${port}`],
        ...['--peer', others.join(','), '--tokens-file', tokens, '--runtime-dir', join(this.dir, 'run')],
        ...['--log-format', 'json', '--log-level', 'warn'],
      ]
      this.nodes.push(new ServedNode(name, port, args))
    }
    process.on('exit', () => {
      for (const node of this.nodes) node.killNow()
    })
    await Promise.all(this.nodes.map(node => node.start()))
  }

  dataDir(name: string): string {
    return join(this.dir, name)
  }

  async remove(): Promise<void> {
    await Promise.all(this.nodes.map(node => node.kill()))
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 })
  }
}
