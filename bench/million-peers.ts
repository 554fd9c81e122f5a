import * as Y from 'yjs'
import { counterName } from './counter-name.js'
import { RedisServer } from './redis-server.js'
import type { Scratch } from './scratch.js'

const PIPELINE = 1_000

/** Redis with the same counters on its disk. */
export interface RedisLoading {
  readonly what: string
  /** How long a fresh process takes until it answers with all of them, and the bytes that it takes for them. */
  readonly load: () => Promise<{ ms: number; bytes: number }>
}

/** Counts each counter once in Redis. Undefined where it is not installed. */
export async function redisLoaded(scratch: Scratch, keys: number): Promise<RedisLoading | undefined> {
  if (RedisServer.version() === undefined) return undefined
  const server = await RedisServer.start(scratch)
  const empty = await usedBytes(server)
  const client = server.connect()
  for (let at = 0; at < keys; at += PIPELINE) {
    const pipeline = client.pipeline()
    for (let i = at; i < Math.min(keys, at + PIPELINE); i++) pipeline.incr(counterName(i))
    await pipeline.exec()
  }
  client.disconnect()
  await server.stop()
  const load = async () => {
    const startMs = performance.now()
    const again = await RedisServer.start(scratch, { dir: server.dir })
    try {
      const ms = performance.now() - startMs
      const asking = again.connect()
      const found = await asking.dbsize()
      asking.disconnect()
      if (found !== keys) throw new Error(`Redis loaded ${found} of ${keys} keys`)
      return { ms, bytes: (await usedBytes(again)) - empty }
    } finally {
      await again.stop()
    }
  }
  return { what: 'Redis, its AOF', load }
}

async function usedBytes(server: RedisServer): Promise<number> {
  const client = server.connect()
  const info = await client.info('memory')
  client.disconnect()
  return Number(/^used_memory:(\d+)/m.exec(info)?.[1])
}

/** Bytes that a document takes for each counter which as many nodes have counted, each under a key of its own. */
export function yjsLoaded(keys: number, replicas: number): number {
  const encoded: Uint8Array[] = []
  for (let replica = 0; replica < replicas; replica++) {
    const doc = new Y.Doc()
    const map = doc.getMap<number>('counters')
    for (let i = 0; i < keys; i++) map.set(`${counterName(i)}/api-${replica}`, 1)
    encoded.push(Y.encodeStateAsUpdate(doc))
  }
  const before = heldBytes()
  const doc = new Y.Doc()
  for (const update of encoded) Y.applyUpdate(doc, update)
  const bytes = heldBytes() - before
  if (doc.getMap('counters').size !== keys * replicas) throw new Error('the document lacks counters')
  return bytes / keys
}

function heldBytes(): number {
  if (!gc) throw new Error('this process was started without --expose-gc')
  gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
