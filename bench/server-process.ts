import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Scratch } from './scratch.js'

const PROGRAM = fileURLToPath(new URL('../../packages/server/bin/tallymesh.js', import.meta.url))
const READY_MS_MAX = 60_000

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A real `tallymesh start`. */
export class ServerProcess {
  readonly #child: ChildProcess

  private constructor(
    readonly port: number,
    args: readonly string[],
  ) {
    this.#child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
    running.add(this.#child)
    this.#child.on('exit', () => running.delete(this.#child))
  }

  /** Starts nodes that know one another. Resolves once all are ready. */
  static async room(scratch: Scratch, count: number): Promise<ServerProcess[]> {
    const ports = await Promise.all(Array.from({ length: count }, freePort))
    const dirs = ports.map(() => scratch.dir())
    const nodes = ports.map((port, i) => {
      const peers = ports.filter(other => other !== port).flatMap(other => ['--peer', `ws://127.0.0.1:${other}`])
      const place = ['--data', dirs[i] as string, '--runtime-dir', scratch.runtimeDir, '--listen', `127.0.0.1:${port}`]
      return new ServerProcess(port, ['start', '--name', `n${i}`, ...place, ...peers, '--log-level', 'error'])
    })
    await Promise.all(nodes.map(node => node.ready()))
    return nodes
  }

  /** The same node in a process of its own, after its former one ended. */
  again(): ServerProcess {
    return new ServerProcess(this.port, this.#child.spawnargs.slice(2))
  }

  async ready(): Promise<void> {
    const untilMs = performance.now() + READY_MS_MAX
    while (performance.now() < untilMs) {
      if (this.#child.exitCode !== null) throw new Error(`tallymesh start ended with ${this.#child.exitCode}`)
      if ((await this.#get('/readyz'))?.ok) return
      await pause(20)
    }
    throw new Error(`a server was not ready within ${READY_MS_MAX} ms`)
  }

  /** The value of a counter; undefined while nobody answers. */
  async value(key: string): Promise<number | undefined> {
    const response = await this.#get(`/v1/counters/${encodeURIComponent(key)}`)
    return response?.ok ? ((await response.json()) as { value: number }).value : undefined
  }

  /** Adds 1 to each of so many counters, in batches that are each one commit. */
  async fill(prefix: string, keys: number): Promise<void> {
    const BATCH = 2_000
    for (let at = 0; at < keys; at += BATCH) {
      const adds = Array.from({ length: Math.min(BATCH, keys - at) }, (_, i) => ({ key: `${prefix}${at + i}`, add: 1 }))
      const headers = { 'content-type': 'application/json' }
      const body = JSON.stringify(adds)
      const response = await fetch(`http://127.0.0.1:${this.port}/v1/counters`, { method: 'POST', headers, body })
      if (!response.ok) throw new Error(`a batch was answered ${response.status} ${await response.text()}`)
      await response.arrayBuffer()
    }
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }

  async #get(path: string): Promise<Response | undefined> {
    try {
      return await fetch(`http://127.0.0.1:${this.port}${path}`, { signal: AbortSignal.timeout(2_000) })
    } catch {
      return undefined
    }
  }
}

/** A port of 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
