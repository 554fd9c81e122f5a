import type { Redis as Client } from 'ioredis'
import { randomOrder } from './order.js'
import { RedisServer } from './redis-server.js'
import type { Scratch } from './scratch.js'

/** How ioredis sends: each command in a packet of its own, or all of one turn of the event loop in one. */
export type Sending = 'plain' | 'pipelined'

const ONCE = "return redis.call('SET', KEYS[2], '', 'NX', 'EX', '600') and redis.call('INCR', KEYS[1]) or 0"

/** Redis as a program in Node.js uses it: a server of our own, and ioredis without and with automatic pipelining. */
export class Redis {
  readonly #clients: Readonly<Record<Sending, Client>>

  private constructor(readonly server: RedisServer) {
    this.#clients = { plain: server.connect(), pipelined: server.connect({ enableAutoPipelining: true }) }
    this.#clients.pipelined.defineCommand('once', { lua: ONCE, numberOfKeys: 2 })
  }

  /** Undefined where redis-server is not installed. */
  static async start(scratch: Scratch): Promise<Redis | undefined> {
    return RedisServer.version() === undefined ? undefined : new Redis(await RedisServer.start(scratch))
  }

  /** A function that counts on `keys` keys in random order. */
  counting(keys: number, sending: Sending = 'pipelined'): () => Promise<unknown> {
    const client = this.#clients[sending]
    const names = Array.from({ length: keys }, (_, i) => `of${keys}:${i}`)
    const order = randomOrder(16_384, keys)
    let next = 0
    return () => client.incr(names[order[next++ & 16_383] as number] as string)
  }

  /** A function that counts as `counting` does, each time under a fresh id that is remembered for ten minutes. */
  countingOnce(keys: number): () => Promise<unknown> {
    const client = this.#clients.pipelined as Client & { once(key: string, id: string): Promise<number> }
    const order = randomOrder(16_384, keys)
    let next = 0
    return () => client.once(`once:${order[next++ & 16_383]}`, `id:${crypto.randomUUID()}`)
  }

  /** A function that sends `each` INCRs of each of `keys` keys in one pipeline, and, where it is asked to, waits until so many
   *  replicas have received them. */
  pipeline(keys: number, each = 1, replicas = 0): () => Promise<void> {
    const names = Array.from({ length: keys }, (_, i) => `in${keys}:${i}`)
    return async () => {
      const pipeline = this.#clients.plain.pipeline()
      for (let i = 0; i < each; i++) for (const name of names) pipeline.incr(name)
      if (replicas > 0) pipeline.wait(replicas, 5_000)
      const results = await pipeline.exec()
      for (const [error] of results ?? []) if (error) throw error
      if (replicas > 0 && Number(results?.at(-1)?.[1]) < replicas) throw new Error('a replica of Redis did not confirm')
    }
  }

  async stop(): Promise<void> {
    for (const client of Object.values(this.#clients)) client.disconnect()
    await this.server.stop()
  }
}

/** What a benchmark says of Redis below its tables. */
export function redisNote(extra = ''): string {
  const version = RedisServer.version()
  if (version === undefined) return 'redis-server is not in PATH: it was not measured'
  const missing = RedisServer.hasBenchmark ? '' : '; redis-benchmark is not in PATH'
  return `${version}, appendonly yes, appendfsync always, over a unix socket${extra}${missing}`
}
