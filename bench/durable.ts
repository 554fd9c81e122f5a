import { ClassicLevel } from 'classic-level'
import type { TallymeshNode } from 'tallymesh'
import type { Benchmark, Setting } from './benchmark.js'
import { type Latency, latency } from './latency.js'
import { openLone } from './lone-node.js'
import { randomOrder } from './order.js'
import { Redis } from './redis.js'
import type { Figure, Findings } from './report.js'
import { type Contestant, pipelined, rounds } from './rounds.js'

const IN_FLIGHT = 1_000
const FEW = 10
const MANY = 1_000
const PER_SECOND_MIN = 500_000
/** About what a commit of one key stores. */
const RECORD_BYTES = 96

export const durable: Benchmark = {
  name: 'durable',
  about:
    'awaited increments, 1,000 in flight and one at a time, beside synced puts of classic-level and, where it is ' +
    'installed, Redis with appendfsync always; must hold: 500,000 a second',
  run,
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const node = await openLone(scratch)
  const level = new ClassicLevel<string, Uint8Array>(scratch.dir(), { valueEncoding: 'view' })
  await level.open()
  const redis = await Redis.start(scratch)
  const put = () => level.put('counter', new Uint8Array(RECORD_BYTES), { sync: true })
  const roundMs = quick ? 200 : 600
  const puts = 'classic-level, synced puts one at a time'
  const few = `increment(), ${FEW} counters`
  const contestants: Contestant[] = [
    { what: few, peer: puts, run: () => pipelined(IN_FLIGHT, roundMs, counting(node, FEW)) },
    {
      what: `increment(), ${MANY} counters at random`,
      peer: puts,
      run: () => pipelined(IN_FLIGHT, roundMs, counting(node, MANY)),
    },
    { what: puts, run: () => pipelined(1, roundMs, put) },
  ]
  if (redis) {
    for (const keys of [FEW, MANY]) {
      const what = `Redis INCR, ${keys} keys, appendfsync always`
      contestants.push({ what, peer: puts, run: () => pipelined(IN_FLIGHT, roundMs, redis.counting(keys)) })
    }
  }
  const throughput = await rounds(quick ? 3 : 5, '/s', contestants)
  const single = await oneAtATime(node, put, quick)
  await node.close()
  await level.close()
  await redis?.stop()
  return {
    tables: [
      { title: `awaited, ${IN_FLIGHT} in flight`, figures: throughput },
      { title: 'awaited, one at a time', figures: single },
    ],
    bounds: throughput.slice(0, 2).map(figure => ({ figure, min: PER_SECOND_MIN })),
    notes: redis ? [] : ['redis-server is not in PATH: it was not measured'],
  }
}

function counting(node: TallymeshNode, keys: number): () => Promise<void> {
  const counters = Array.from({ length: keys }, (_, i) => node.counter(`of${keys}`, { key: `${i}` }))
  const order = randomOrder(16_384, keys)
  let next = 0
  return () => (counters[order[next++ & 16_383] as number] as (typeof counters)[number]).increment()
}

async function oneAtATime(node: TallymeshNode, put: () => Promise<void>, quick: boolean): Promise<Figure[]> {
  const counter = node.counter('alone')
  const roundMs = quick ? 150 : 500
  const found: Record<'counter' | 'put', Latency[]> = { counter: [], put: [] }
  const measured = (who: 'counter' | 'put', f: () => Promise<void>) => async () => {
    const round = await latency(roundMs, f)
    found[who].push(round)
    return round.p50
  }
  const count = quick ? 3 : 5
  const puts = 'classic-level, synced put, p50'
  const figures = await rounds(count, 'ms', [
    { what: 'increment(), p50', peer: puts, run: measured('counter', () => counter.increment()) },
    { what: puts, run: measured('put', put) },
  ])
  const slow = 'classic-level, synced put, p99'
  const p99 = (who: 'counter' | 'put') => found[who].slice(1).map(round => round.p99)
  return [
    ...figures,
    { what: 'increment(), p99', unit: 'ms', samples: p99('counter'), peer: slow },
    { what: slow, unit: 'ms', samples: p99('put') },
  ]
}
