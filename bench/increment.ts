import { setImmediate as turn } from 'node:timers/promises'
import { Counter as PromCounter, Registry } from 'prom-client'
import type { Benchmark, Setting } from './benchmark.js'
import { latencySync } from './latency.js'
import { openLone } from './lone-node.js'
import { randomOrder } from './order.js'
import type { Figure, Findings } from './report.js'
import { type Contestant, rounds } from './rounds.js'

const COUNTERS = 10_000
const BLOCK = 100_000
const HOT_MIN = 60_000_000
const RANDOM_MIN = 30_000_000

export const increment: Benchmark = {
  name: 'increment',
  about:
    'increment() that nobody awaits, on one counter and on 10,000 in random order, beside a property add and prom-client; ' +
    'must hold: 60 and 30 million a second in one process',
  run,
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const node = await openLone(scratch)
  const counters = Array.from({ length: COUNTERS }, (_, i) => node.counter('requests', { route: `r${i}` }))
  const bare = Array.from({ length: COUNTERS }, () => ({ value: 0 }))
  const prom = promChildren()
  const order = randomOrder(BLOCK, COUNTERS)
  const roundMs = quick ? 50 : 200
  const [hot, plain, child] = [counters[0], bare[0], prom[0]]
  if (!hot || !plain || !child) throw new Error('there is nothing to count on')

  // Each loop is written out: one that called through a common interface would measure that call.
  const blocks = {
    hot: () => {
      for (let i = 0; i < BLOCK; i++) void hot.increment()
    },
    random: () => {
      for (let i = 0; i < BLOCK; i++) void (counters[order[i] as number] as typeof hot).increment()
    },
    plainHot: () => {
      for (let i = 0; i < BLOCK; i++) plain.value += 1
    },
    plainRandom: () => {
      for (let i = 0; i < BLOCK; i++) (bare[order[i] as number] as typeof plain).value += 1
    },
    promHot: () => {
      for (let i = 0; i < BLOCK; i++) child.inc()
    },
    promRandom: () => {
      for (let i = 0; i < BLOCK; i++) (prom[order[i] as number] as typeof child).inc()
    },
  }
  const calls = (block: () => void) => (BLOCK * 1000) / latencySync(roundMs, block).p50
  const settled = async (block: () => void) => {
    const sample = calls(block)
    // The next contestant starts with nothing left to commit.
    await hot.increment()
    return sample
  }
  const onePromChild = 'prom-client inc(), one child'
  const manyPromChildren = `prom-client inc(), ${COUNTERS} children at random`
  const oneAdd = 'property add, one object'
  const manyAdds = `property add, ${COUNTERS} objects at random`
  const oneCounter = 'increment(), one counter'
  const manyCounters = `increment(), ${COUNTERS} counters at random`
  const called = await rounds(quick ? 3 : 5, '/s', [
    { what: oneCounter, peer: onePromChild, run: () => settled(blocks.hot) },
    { what: onePromChild, run: () => calls(blocks.promHot) },
    { what: oneAdd, run: () => calls(blocks.plainHot) },
    { what: manyCounters, peer: manyPromChildren, run: () => settled(blocks.random) },
    { what: manyPromChildren, run: () => calls(blocks.promRandom) },
    { what: manyAdds, run: () => calls(blocks.plainRandom) },
  ])
  const hotBursts = 'bursts of increment(), one counter'
  const randomBursts = `bursts of increment(), ${COUNTERS} counters at random`
  const sustained = await rounds(quick ? 2 : 5, '/s', [
    burstsOf(hotBursts, roundMs * 2, blocks.hot),
    burstsOf(randomBursts, roundMs * 2, blocks.random),
  ])
  await hot.increment()
  const counted = [...node.counters()].reduce((sum, [, value]) => sum + value, 0)
  await node.close()
  return {
    tables: [
      { title: 'calls within one turn of the event loop', figures: called },
      { title: `bursts of ${BLOCK}, with the commits between them`, figures: sustained },
    ],
    bounds: [
      { figure: named(called, oneCounter), min: HOT_MIN },
      { figure: named(called, manyCounters), min: RANDOM_MIN },
      { figure: named(sustained, hotBursts), min: HOT_MIN },
      { figure: named(sustained, randomBursts), min: RANDOM_MIN },
    ],
    notes: [`${counted} increments counted, all durable at the end`],
  }
}

function promChildren(): Array<PromCounter.Internal> {
  const registry = new Registry()
  const counter = new PromCounter({ name: 'requests', help: 'requests', labelNames: ['route'], registers: [registry] })
  return Array.from({ length: COUNTERS }, (_, i) => counter.labels({ route: `r${i}` }))
}

/** Counts in bursts and lets the event loop, and so the commits, have its turn after each. */
function burstsOf(what: string, durationMs: number, block: () => void): Contestant {
  const run = async () => {
    const startMs = performance.now()
    let blocks = 0
    while (performance.now() - startMs < durationMs) {
      block()
      blocks++
      await turn()
    }
    return (blocks * BLOCK * 1000) / (performance.now() - startMs)
  }
  return { what, run }
}

function named(figures: readonly Figure[], what: string): Figure {
  return figures.find(figure => figure.what === what) as Figure
}
