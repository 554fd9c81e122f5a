import { setTimeout as pause } from 'node:timers/promises'
import type { Benchmark, Setting } from './benchmark.js'
import { Child } from './child.js'
import type { Figure, Findings } from './report.js'
import { nodeOptions } from './room.js'

const PER_SECOND = 1_000
const KEYS = 1_000
/** Fifty commits a second: it takes a while until their code is compiled. */
const SETTLE_MS = 60_000
const PERCENT_MAX = 5
/** About what the commits of so many counts come to: how far apart they are, and what each stores. */
const PUT_EVERY_MS = 20
const PUT_BYTES = 1_000

export const steady: Benchmark = {
  name: 'steady',
  about:
    'processor time of a node that counts 1,000 times a second, spread evenly over time and 1,000 counters, awaited by nobody, a minute after it began, beside a ' +
    'process that adds to properties at the same pace, without and with synced puts; must hold: 5 % of a core',
  run,
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const counting = new Child()
  const adding = new Child()
  const putting = new Child()
  const processes = [counting, adding, putting]
  const samples: number[][] = processes.map(() => [])
  try {
    await counting.ask({ type: 'open', options: nodeOptions(scratch, scratch.dir(), 'n0') })
    await putting.ask({ type: 'puts', path: scratch.dir(), everyMs: PUT_EVERY_MS, bytes: PUT_BYTES })
    for (const child of processes) await child.ask({ type: 'load', perSecond: PER_SECOND, keys: KEYS })
    await pause(quick ? 2_000 : SETTLE_MS)
    for (let round = 0; round < (quick ? 1 : 5); round++) {
      const before = await cpuMs(processes)
      const startMs = performance.now()
      await pause(quick ? 2_000 : 5_000)
      const after = await cpuMs(processes)
      const passedMs = performance.now() - startMs
      for (const [i, ms] of after.entries()) samples[i]?.push(((ms - (before[i] as number)) * 100) / passedMs)
    }
    for (const child of processes) await child.ask({ type: 'unload' })
  } finally {
    await Promise.all(processes.map(child => child.end()))
  }
  const bare = 'property adds by the same timer'
  const figures: [Figure, ...Figure[]] = [
    { what: 'increment()', unit: '% of a core', samples: samples[0] as number[], peer: bare },
    { what: bare, unit: '% of a core', samples: samples[1] as number[] },
    {
      ...{ what: `the same, and a synced put each ${PUT_EVERY_MS} ms`, unit: '% of a core' },
      ...{ samples: samples[2] as number[], peer: bare },
    },
  ]
  return {
    tables: [{ title: `${PER_SECOND} a second, not awaited`, figures }],
    bounds: [{ figure: figures[0], max: PERCENT_MAX }],
    notes: [],
  }
}

function cpuMs(processes: readonly Child[]): Promise<number[]> {
  return Promise.all(processes.map(async child => (await child.ask({ type: 'cpu' })).ms ?? Number.NaN))
}
