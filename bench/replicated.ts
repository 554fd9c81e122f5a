import { setTimeout as pause } from 'node:timers/promises'
import { openNode, type TallymeshNode } from 'tallymesh'
import type { Benchmark, Setting } from './benchmark.js'
import { Child } from './child.js'
import { latency } from './latency.js'
import { randomOrder } from './order.js'
import { Redis, redisNote } from './redis.js'
import { RedisServer } from './redis-server.js'
import { type Figure, type Findings, timesOf } from './report.js'
import { nodeOptions } from './room.js'
import { type Contestant, pipelined, rounds } from './rounds.js'
import { quantile } from './sample.js'
import type { Scratch } from './scratch.js'

const IN_FLIGHT = 1_000
const FEW = 10
const PEERS = 2
const PROBES_BETWEEN_MS = 2
const PER_SECOND_MIN = 300_000
const TIMES_MAX = 3

export const replicated: Benchmark = {
  name: 'replicated',
  about:
    'increments that wait for two of three nodes on loopback, each in its own process, beside increments that wait for ' +
    'the own disk, and Redis with WAIT 1; and how soon a count shows on a peer; must hold: 300,000 a second, and a p50 of 3 times ' +
    'that of the own disk',
  run,
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const node = await openNode(nodeOptions(scratch, scratch.dir(), 'n0'))
  const children = Array.from({ length: PEERS }, () => new Child())
  const redis = await RedisPair.start(scratch)
  try {
    const urls = [node.url as string]
    for (const [i, child] of children.entries()) {
      const { url } = await child.ask({ type: 'open', options: nodeOptions(scratch, scratch.dir(), `n${i + 1}`, urls) })
      urls.push(url as string)
    }
    // A node takes a replica id with its first count; confirmations before that would be of another log.
    await node.counter('first').increment(1, { replicas: 3 })
    const roundMs = quick ? 200 : 500
    const local = `increment(), ${FEW} counters`
    const throughput = await rounds(quick ? 3 : 5, '/s', [
      { what: `increment(1, { replicas: 2 }), ${FEW} counters`, peer: local, run: throughputOf(node, roundMs, 2) },
      { what: local, run: throughputOf(node, roundMs, 1) },
      ...(redis ? redis.throughputs(roundMs) : []),
    ])
    const alone = 'increment(), p50'
    const waiting = await rounds(quick ? 3 : 5, 'ms', [
      { what: 'increment(1, { replicas: 2 }), p50', peer: alone, run: waitOf(node, roundMs, 2) },
      { what: alone, run: waitOf(node, roundMs, 1) },
      ...(redis ? redis.waits(roundMs) : []),
    ])
    const visible = await visibility(node, children[0] as Child, quick ? 3 : 5, quick ? 50 : 150)
    const [two, one] = waiting as [Figure, Figure]
    return {
      tables: [
        { title: `awaited, ${IN_FLIGHT} in flight`, figures: throughput },
        { title: 'awaited, one at a time', figures: waiting },
        { title: 'from increment() to the value on a peer', figures: visible },
      ],
      bounds: [
        { figure: throughput[0] as Figure, min: PER_SECOND_MIN },
        { figure: timesOf('p50 of two of three nodes against one', two, one), max: TIMES_MAX },
      ],
      notes: [redisNote('; its replica confirms what it received, not what its disk has')],
    }
  } finally {
    await Promise.all([node.close(), ...children.map(child => child.end()), redis?.stop()])
  }
}

/** Redis with a replica that also syncs what it writes. */
class RedisPair {
  private constructor(
    readonly redis: Redis,
    readonly replica: RedisServer,
  ) {}

  /** Undefined where redis-server is not installed. */
  static async start(scratch: Scratch): Promise<RedisPair | undefined> {
    const redis = await Redis.start(scratch)
    return redis && new RedisPair(redis, await RedisServer.start(scratch, { replicaOf: redis.server }))
  }

  /** `WAIT` holds its connection back until the replica confirmed, so one of them follows many counts. */
  throughputs(roundMs: number): Contestant[] {
    const each = IN_FLIGHT / FEW
    const pipeline = this.redis.pipeline(FEW, each, 1)
    const run = async () => (await pipelined(1, roundMs, pipeline)) * IN_FLIGHT
    return [{ what: `Redis, pipelines of ${IN_FLIGHT} INCR of ${FEW} keys and a WAIT 1`, run }]
  }

  waits(roundMs: number): Contestant[] {
    const pipeline = this.redis.pipeline(1, 1, 1)
    return [{ what: 'Redis INCR and WAIT 1, p50', run: async () => (await latency(roundMs, pipeline)).p50 }]
  }

  async stop(): Promise<void> {
    await this.redis.stop()
    await this.replica.stop()
  }
}

function throughputOf(node: TallymeshNode, roundMs: number, replicas: number): () => Promise<number> {
  const counters = Array.from({ length: FEW }, (_, i) => node.counter('few', { key: `${i}` }))
  const order = randomOrder(1024, FEW)
  let next = 0
  const count = () => {
    const counter = counters[order[next++ & 1023] as number] as (typeof counters)[number]
    return replicas === 1 ? counter.increment() : counter.increment(1, { replicas })
  }
  return () => pipelined(IN_FLIGHT, roundMs, count)
}

function waitOf(node: TallymeshNode, roundMs: number, replicas: number): () => Promise<number> {
  const counter = node.counter('alone')
  const count = () => (replicas === 1 ? counter.increment() : counter.increment(1, { replicas }))
  return async () => (await latency(roundMs, count)).p50
}

/** Counts now and then, and asks the clock that all processes of the machine share when a peer's `watch` tells of it. */
async function visibility(node: TallymeshNode, peer: Child, count: number, probes: number): Promise<Figure[]> {
  const probe = node.counter('probe')
  const p50: number[] = []
  const p99: number[] = []
  let told: (atNs: bigint) => void = () => {}
  let wanted = 0
  peer.onSeen = ({ seen, atNs }) => {
    if (seen >= wanted) told(atNs)
  }
  await peer.ask({ type: 'watch', counter: 'probe' })
  for (let round = 0; round <= count; round++) {
    const latenciesMs: number[] = []
    for (let i = 0; i < probes; i++) {
      wanted++
      const shown = new Promise<bigint>(resolve => {
        told = resolve
      })
      const startNs = process.hrtime.bigint()
      void probe.increment()
      latenciesMs.push(Number((await shown) - startNs) / 1e6)
      await pause(PROBES_BETWEEN_MS)
    }
    if (round === 0) continue
    p50.push(quantile(latenciesMs, 0.5))
    p99.push(quantile(latenciesMs, 0.99))
  }
  return [
    { what: 'p50', unit: 'ms', samples: p50 },
    { what: 'p99', unit: 'ms', samples: p99 },
  ]
}
