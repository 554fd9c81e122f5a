import { setTimeout as pause } from 'node:timers/promises'
import type { Benchmark, Setting } from './benchmark.js'
import { Child } from './child.js'
import type { Findings } from './report.js'
import { BenchRoom } from './room.js'

const KEYS = 1_000
/** After a start Node.js itself is busy for a while, in every process: garbage is collected, code is compiled. */
const SETTLE_MS = 15_000
const PERCENT_MAX = 0.5

export const idle: Benchmark = {
  name: 'idle',
  about:
    'processor time of three linked nodes with 1,000 counters that nobody counts on, beside a process that only waits; ' +
    'must hold: at most 0.5 % of a core each',
  run,
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const room = await BenchRoom.start(scratch, 3, KEYS)
  const waiting = new Child()
  const processes = [...room.children, waiting]
  const samples: number[][] = processes.map(() => [])
  try {
    await pause(quick ? 2_000 : SETTLE_MS)
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      const before = await cpuMs(processes)
      const startMs = performance.now()
      await pause(5_000)
      const after = await cpuMs(processes)
      const passedMs = performance.now() - startMs
      for (const [i, ms] of after.entries()) samples[i]?.push(((ms - (before[i] as number)) * 100) / passedMs)
    }
  } finally {
    await Promise.all([room.end(), waiting.end()])
  }
  const bare = 'a process that only waits'
  const figures = samples.map((of, i) => {
    const unit = '% of a core' as const
    return i === 3 ? { what: bare, unit, samples: of } : { what: `node ${i + 1} of 3`, unit, samples: of, peer: bare }
  })
  return {
    tables: [{ title: 'idle for 5 s', figures }],
    bounds: figures.slice(0, 3).map(figure => ({ figure, max: PERCENT_MAX })),
    notes: [],
  }
}

function cpuMs(processes: readonly Child[]): Promise<number[]> {
  return Promise.all(processes.map(async child => (await child.ask({ type: 'cpu' })).ms ?? Number.NaN))
}
