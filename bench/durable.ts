import { ClassicLevel } from 'classic-level'
import type { TallymeshNode } from 'tallymesh'
import type { Benchmark, Setting } from './benchmark.js'
import { Etcd, etcdNote } from './etcd.js'
import { type Latency, latency } from './latency.js'
import { openLone } from './lone-node.js'
import { randomOrder } from './order.js'
import { Redis, redisNote } from './redis.js'
import { RedisServer } from './redis-server.js'
import { type Bound, type Figure, type Findings, timesOf } from './report.js'
import { type Contestant, pipelined, rounds } from './rounds.js'
import { median } from './sample.js'
import { SharedPut } from './shared-put.js'

const IN_FLIGHT = 1_000
const FEW = 10
const MANY = 1_000
/** For each number of counters: increments a second, and as a multiple of what ioredis reaches with automatic pipelining; and about what a
 *  commit of a thousand calls stores. */
const TARGETS = [
  { keys: FEW, perSecondMin: 1_500_000, timesMin: 8, commitBytes: 800 },
  { keys: MANY, perSecondMin: 1_000_000, timesMin: 5, commitBytes: 22_000 },
]
const PUT_TIMES_MAX = 1.4
/** About what a commit of one key stores. */
const RECORD_BYTES = 96
const ETCD_CLIENTS = 16
const PUTS = 'classic-level, synced puts one at a time'
/** Processor time of a commit of one key. A disk that is not asked again at once answers later than one that is. */
const WORK_MS = 0.1
/** Whoever works in memory leaves the kernel, which writes, less of the processor's caches. */
const WORKED_BYTES = 4 * 2 ** 20
const LINE_BYTES = 64
/** Who waits for the disk cannot count sooner than it syncs: no commit carries more than what is in flight. */
const LIMIT = `${IN_FLIGHT} for each synced put, the limit of the disk`

export const durable: Benchmark = {
  name: 'durable',
  about:
    'awaited increments, 1,000 in flight and one at a time, beside synced puts of classic-level, Redis with appendfsync always ' +
    'through ioredis and redis-benchmark, and a counter in etcd; must hold: 1.5 million a second on 10 counters and 1 million ' +
    'on 1,000, 8 and 5 times ioredis, and a p50 of 1.4 synced puts',
  run,
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const node = await openLone(scratch)
  const level = new ClassicLevel<string, Uint8Array>(scratch.dir(), { valueEncoding: 'view' })
  await level.open()
  const shared = await Promise.all(TARGETS.map(({ commitBytes }) => SharedPut.open(scratch.dir(), commitBytes)))
  const redis = await Redis.start(scratch)
  const etcd = await Etcd.start(scratch)
  try {
    const put = () => level.put('counter', new Uint8Array(RECORD_BYTES), { sync: true })
    const roundMs = quick ? 200 : 600
    const throughput = await rounds(quick ? 3 : 5, '/s', [
      ...TARGETS.map(({ keys }) => ({
        what: ownName(keys),
        peer: redis ? redisName(keys) : PUTS,
        run: () => pipelined(IN_FLIGHT, roundMs, counting(node, keys)),
      })),
      { what: PUTS, run: () => pipelined(1, roundMs, put) },
      ...TARGETS.map(({ commitBytes }, i) => ({
        what: `nothing counted, a synced put of ${commitBytes} bytes that all callers share`,
        run: () => pipelined(IN_FLIGHT, roundMs, () => (shared[i] as SharedPut).ask()),
      })),
      ...(redis ? TARGETS.flatMap(({ keys }) => ofRedis(redis, keys, roundMs, quick)) : []),
    ])
    const puts = throughput.find(({ what }) => what === PUTS) as Figure
    throughput.push({ ...puts, what: LIMIT, samples: puts.samples.map(sample => sample * IN_FLIGHT) })
    const single = await oneAtATime({ node, put, redis, etcd, quick })
    return {
      tables: [
        { title: `awaited, ${IN_FLIGHT} in flight`, figures: throughput },
        { title: 'awaited, one at a time', figures: single },
        ...(etcd ? [await oneCounter(node, etcd, quick)] : []),
      ],
      bounds: [...TARGETS.flatMap(target => boundsOf(target, throughput)), singleBound(single)],
      notes: [redisNote(), etcdNote()],
    }
  } finally {
    await Promise.all([node.close(), level.close(), ...shared.map(put => put.close()), redis?.stop(), etcd?.stop()])
  }
}

function ownName(keys: number): string {
  return keys === FEW ? `increment(), ${keys} counters` : `increment(), ${keys} counters at random`
}

function redisName(keys: number): string {
  return `Redis INCR, ${keys} keys, ioredis, automatic pipelining`
}

function ofRedis(redis: Redis, keys: number, roundMs: number, quick: boolean): Contestant[] {
  const plain = redis.counting(keys, 'plain')
  const gathered = redis.counting(keys, 'pipelined')
  const contestants: Contestant[] = [
    { what: redisName(keys), run: () => pipelined(IN_FLIGHT, roundMs, gathered) },
    { what: `Redis INCR, ${keys} keys, ioredis`, run: () => pipelined(IN_FLIGHT, roundMs, plain) },
  ]
  if (RedisServer.hasBenchmark) {
    const what = `Redis INCR, ${keys} keys, redis-benchmark`
    contestants.push({ what, run: () => redis.server.benchmark(keys, IN_FLIGHT / 50, quick ? 50_000 : 200_000) })
  }
  return contestants
}

function boundsOf({ keys, perSecondMin, timesMin }: (typeof TARGETS)[number], figures: readonly Figure[]): Bound[] {
  const own = figures.find(({ what }) => what === ownName(keys)) as Figure
  const through = figures.filter(({ what }) => what.startsWith(`Redis INCR, ${keys} keys, ioredis`))
  const [fastest] = through.sort((a, b) => median(b.samples) - median(a.samples))
  const bounds: Bound[] = [{ figure: own, min: perSecondMin }]
  if (fastest) bounds.push({ figure: timesOf(`${own.what}, against the faster ioredis`, own, fastest), min: timesMin })
  return bounds
}

function singleBound(figures: readonly Figure[]): Bound {
  const [own, put] = figures as [Figure, Figure]
  return { figure: timesOf('increment() one at a time, p50 against a synced put', own, put), max: PUT_TIMES_MAX }
}

function counting(node: TallymeshNode, keys: number): () => Promise<void> {
  const counters = Array.from({ length: keys }, (_, i) => node.counter(`of${keys}`, { key: `${i}` }))
  const order = randomOrder(16_384, keys)
  let next = 0
  return () => (counters[order[next++ & 16_383] as number] as (typeof counters)[number]).increment()
}

/** Who is measured one call at a time. */
interface Singles {
  readonly node: TallymeshNode
  readonly put: () => Promise<void>
  readonly redis: Redis | undefined
  readonly etcd: Etcd | undefined
  readonly quick: boolean
}

/** Work that goes through memory, a line of the processor's cache each time. */
function workIn(memory: Uint8Array): () => Promise<void> {
  let at = 0
  return async () => {
    const endMs = performance.now() + WORK_MS
    while (performance.now() < endMs) {
      for (let line = 0; line < 200; line++) {
        at = (at + 65 * LINE_BYTES) % memory.length
        memory[at] = (memory[at] as number) + 1
      }
    }
  }
}

async function oneAtATime({ node, put, redis, etcd, quick }: Singles): Promise<Figure[]> {
  const counter = node.counter('alone')
  const inMemory = workIn(new Uint8Array(WORKED_BYTES))
  const inOneLine = workIn(new Uint8Array(LINE_BYTES))
  const roundMs = quick ? 150 : 500
  const calls = new Map<string, () => Promise<unknown>>([
    ['increment()', () => counter.increment()],
    ['classic-level, synced put', put],
    [`classic-level, ${WORK_MS} ms of other work and a synced put`, () => inOneLine().then(put)],
    [`classic-level, ${WORK_MS} ms of work in 4 MiB of memory and a synced put`, () => inMemory().then(put)],
  ])
  if (redis) calls.set('Redis INCR, ioredis', redis.counting(1, 'plain'))
  if (etcd) calls.set('etcd, compare and swap', etcd.counting())
  const found = new Map<string, Latency[]>([...calls.keys()].map(what => [what, []]))
  const peer = (of: string, what: string) =>
    what === 'increment()' ? { peer: `classic-level, synced put, ${of}` } : {}
  const p50 = await rounds(
    quick ? 3 : 5,
    'ms',
    [...calls].map(([what, call]) => ({
      ...{ what: `${what}, p50`, ...peer('p50', what) },
      run: async () => {
        const round = await latency(roundMs, call)
        found.get(what)?.push(round)
        return round.p50
      },
    })),
  )
  const p99 = [...found].map(([what, each]): Figure => {
    const samples = each.slice(1).map(round => round.p99)
    return { what: `${what}, p99`, unit: 'ms', samples, ...peer('p99', what) }
  })
  return [...p50, ...p99]
}

/** One counter that several clients raise: those of etcd stand in one another's way, as whoever was slower tries again. */
async function oneCounter(node: TallymeshNode, etcd: Etcd, quick: boolean) {
  const counter = node.counter('shared')
  const roundMs = quick ? 200 : 600
  const clients = Array.from({ length: ETCD_CLIENTS }, () => etcd.counting())
  const many = `etcd, compare and swap, ${ETCD_CLIENTS} clients`
  const figures = await rounds(quick ? 3 : 5, '/s', [
    {
      what: `increment(), ${ETCD_CLIENTS} in flight`,
      peer: many,
      run: () => pipelined(ETCD_CLIENTS, roundMs, () => counter.increment()),
    },
    { what: many, run: async () => sum(await Promise.all(clients.map(client => pipelined(1, roundMs, client)))) },
    { what: 'etcd, compare and swap, 1 client', run: () => pipelined(1, roundMs, clients[0] as () => Promise<void>) },
  ])
  return { title: 'one counter', figures }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
