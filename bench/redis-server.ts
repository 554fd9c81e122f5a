import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Redis as Client } from 'ioredis'
import type { Scratch } from './scratch.js'
import { freePort } from './server-process.js'

const START_MS_MAX = 60_000
const BENCHMARK_MS_MAX = 60_000
const run = promisify(execFile)

/** What a connection through ioredis may ask for. */
export interface Connecting {
  readonly enableAutoPipelining?: boolean
  readonly enableReadyCheck?: boolean
  readonly lazyConnect?: boolean
  readonly retryStrategy?: () => number
}

/** A Redis server of our own, on a unix socket, that syncs every write: `appendonly yes`, `appendfsync always`. */
export class RedisServer {
  readonly #process: ChildProcess
  readonly #kill = () => this.#process.kill('SIGKILL')

  private constructor(
    process_: ChildProcess,
    readonly path: string,
    /** Of its port on 127.0.0.1, for replicas. */
    readonly port: number,
    readonly dir: string,
  ) {
    this.#process = process_
    process.on('exit', this.#kill)
  }

  /** What the program calls itself; undefined where it is not installed. */
  static version(): string | undefined {
    const { status, stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
    return status === 0 ? `Redis ${/v=([\d.]+)/.exec(stdout)?.[1] ?? 'of unknown version'}` : undefined
  }

  /** Resolves once it answers, its data loaded.
   *  @param settings `dir`: of an earlier server, whose data it takes over; `replicaOf`: follows that one */
  static async start(
    scratch: Scratch,
    { dir = scratch.dir(), replicaOf }: { dir?: string; replicaOf?: RedisServer } = {},
  ): Promise<RedisServer> {
    mkdirSync(dir, { recursive: true })
    const [path, port] = [join(dir, 'socket'), await freePort()]
    const place = { bind: '127.0.0.1', port: `${port}`, unixsocket: path, dir }
    const options = { ...place, save: '', appendonly: 'yes', appendfsync: 'always' }
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
    // Only a replica tells whoever asks what it took in: it costs time for each command.
    if (replicaOf) args.push('--replicaof', '127.0.0.1', `${replicaOf.port}`, '--notify-keyspace-events', 'K$')
    const server = new RedisServer(spawn('redis-server', args, { stdio: 'ignore' }), path, port, dir)
    await server.#answers(replicaOf !== undefined)
    return server
  }

  /** A connection; the caller quits it. */
  connect(options: Connecting = {}): Client {
    return new Client(this.path, { maxRetriesPerRequest: 0, ...options })
  }

  static get hasBenchmark(): boolean {
    return spawnSync('redis-benchmark', ['--version']).status === 0
  }

  /** INCRs a second as redis-benchmark finds them, which must be installed.
   *  @param pipeline commands that each of the 50 connections has under way */
  async benchmark(keys: number, pipeline: number, requests: number): Promise<number> {
    const shape = ['-c', '50', '-P', `${pipeline}`, '-n', `${requests}`, '-r', `${keys}`]
    const { stdout } = await run('redis-benchmark', ['-s', this.path, '-t', 'incr', '--csv', ...shape], {
      timeout: BENCHMARK_MS_MAX,
    })
    return Number(/"INCR","([\d.]+)"/.exec(stdout)?.[1])
  }

  /** Ends it without asking: what was acknowledged is on disk. */
  async stop(): Promise<void> {
    process.off('exit', this.#kill)
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exited = once(this.#process, 'exit')
    this.#kill()
    await exited
  }

  async #answers(replica: boolean): Promise<void> {
    const deadlineMs = performance.now() + START_MS_MAX
    const client = this.connect({ enableReadyCheck: false, retryStrategy: () => 5, lazyConnect: true })
    client.on('error', () => {})
    for (;;) {
      try {
        await client.ping()
        if (!replica || /master_link_status:up/.test(await client.info('replication'))) break
      } catch {
        // It does not listen yet, or still loads.
      }
      if (performance.now() > deadlineMs || this.#process.exitCode !== null) throw new Error('Redis does not answer')
      await pause(5)
    }
    client.disconnect()
  }
}
