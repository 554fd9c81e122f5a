import { setTimeout as pause } from 'node:timers/promises'
import { newOperationId, openNode, type TallymeshNode } from 'tallymesh'
import type { Benchmark, Setting } from './benchmark.js'
import { Child } from './child.js'
import { randomOrder } from './order.js'
import { Redis, redisNote } from './redis.js'
import type { Figure, Findings } from './report.js'
import { nodeOptions } from './room.js'
import { type Contestant, pipelined, rounds } from './rounds.js'

const IN_FLIGHT = 1_000
const FEW = 10
const PER_SECOND_MIN = 100_000
const SETTLED_MS_MAX = 2_000
/** So short that this process sees them forgotten. */
const RETRY_WINDOW_MS = 5_000
const FORGOTTEN_MS_MAX = 60_000
/** Rounds of a load that does not end in between. */
const LASTING_ROUNDS = 10

export const operations: Benchmark = {
  name: 'operations',
  about:
    'awaited increments with an operation id on one of three linked nodes, 1,000 in flight, beside those without one and, where it ' +
    'is installed, a script of Redis with SET NX and INCR; how soon all are settled, and that all are forgotten; the same without a ' +
    'pause; must hold: 100,000 a second, settled within 2 s, and without a pause no more open than came in within 2 s',
  run,
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const window = { retryWindowMs: RETRY_WINDOW_MS }
  const node = await openNode({ ...nodeOptions(scratch, scratch.dir(), 'n0'), ...window })
  const peers = [new Child(), new Child()]
  const redis = await Redis.start(scratch)
  try {
    const urls = [node.url as string]
    for (const [i, peer] of peers.entries()) {
      const options = { ...nodeOptions(scratch, scratch.dir(), `n${i + 1}`, urls), ...window }
      urls.push((await peer.ask({ type: 'open', options })).url as string)
    }
    // The first one waits until every member knows of this node.
    await node.counter('first').increment(1, { operation: newOperationId() })
    const settledMs: number[] = []
    const without = `increment(), ${FEW} counters`
    const roundMs = quick ? 300 : 1_000
    const script = `Redis SET NX and INCR in a script, ${FEW} keys`
    const contestants: Contestant[] = [
      {
        what: `increment(1, { operation }), ${FEW} counters`,
        peer: redis ? script : without,
        run: async () => {
          const done = await pipelined(IN_FLIGHT, roundMs, counting(node, true))
          settledMs.push(await until(() => node.stats.operations.open === 0, 'operations settle'))
          return done
        },
      },
      { what: without, run: () => pipelined(IN_FLIGHT, roundMs, counting(node, false)) },
    ]
    if (redis) contestants.push({ what: script, run: () => pipelined(IN_FLIGHT, roundMs, redis.countingOnce(FEW)) })
    const throughput = await rounds(quick ? 3 : 5, '/s', contestants)
    const lasting = await withoutPause(node, quick ? 3 : LASTING_ROUNDS, roundMs)
    const settled: Figure = {
      what: 'from the last acknowledgement until all are settled',
      unit: 'ms',
      samples: settledMs.slice(1),
    }
    const forgotten: Figure = {
      what: `until all are forgotten, of a retry window of ${RETRY_WINDOW_MS / 1_000} s`,
      unit: 'ms',
      samples: [await until(() => node.stats.operations.known === 0, 'operations are forgotten')],
    }
    return {
      tables: [
        { title: `awaited, ${IN_FLIGHT} in flight`, figures: throughput },
        { title: 'without a pause', figures: [lasting.rate, lasting.open] },
        { title: 'afterwards', figures: [settled, forgotten] },
      ],
      bounds: [
        { figure: throughput[0] as Figure, min: PER_SECOND_MIN },
        { figure: settled, max: SETTLED_MS_MAX },
        { figure: lasting.open, max: SETTLED_MS_MAX },
      ],
      notes: [redisNote('; the script through ioredis with automatic pipelining, by EVALSHA')],
    }
  } finally {
    await Promise.all([node.close(), ...peers.map(peer => peer.end()), redis?.stop()])
  }
}

/** Operations one round after another: older ones settle under the same load. */
async function withoutPause(
  node: TallymeshNode,
  count: number,
  roundMs: number,
): Promise<{ rate: Figure; open: Figure }> {
  const rates: number[] = []
  const open: number[] = []
  const next = counting(node, true)
  for (let round = 0; round <= count; round++) {
    const rate = await pipelined(IN_FLIGHT, roundMs, next)
    if (round === 0) continue
    rates.push(rate)
    open.push((1_000 * node.stats.operations.open) / rate)
  }
  await until(() => node.stats.operations.open === 0, 'operations settle')
  return {
    rate: { what: `increment(1, { operation }), ${FEW} counters`, unit: '/s', samples: rates },
    open: { what: 'what is open at an end of a round, by how long it took to come', unit: 'ms', samples: open },
  }
}

function counting(node: TallymeshNode, once: boolean): () => Promise<void> {
  const counters = Array.from({ length: FEW }, (_, i) => node.counter(once ? 'once' : 'few', { key: `${i}` }))
  const order = randomOrder(1_024, FEW)
  let next = 0
  return () => {
    const counter = counters[order[next++ & 1_023] as number] as (typeof counters)[number]
    return once ? counter.increment(1, { operation: newOperationId() }) : counter.increment()
  }
}

/** How long it takes until something holds, in ms. @throws Error after a minute */
async function until(holds: () => boolean, what: string): Promise<number> {
  const startMs = performance.now()
  while (!holds()) {
    if (performance.now() - startMs > FORGOTTEN_MS_MAX) throw new Error(`${what} in more than ${FORGOTTEN_MS_MAX} ms`)
    await pause(5)
  }
  return performance.now() - startMs
}
