import { setTimeout as pause } from 'node:timers/promises'
import type { Benchmark, Setting } from './benchmark.js'
import { Child } from './child.js'
import type { Figure, Findings } from './report.js'
import { nodeOptions } from './room.js'

const PER_SECOND = 10_000
const STEP_MS_MAX = 300_000
const STALL_MS_MAX = 20
const NODE_FLAGS = ['--max-old-space-size=8192']

export const stall: Benchmark = {
  name: 'stall',
  about:
    'the longest time that the event loop of a node with 1,000,000 counters (--quick: 20,000) stands still while 10,000 of them a second are counted: alone, with ' +
    'a snapshot of all slots, and with a late joiner that gets all of them, beside a process that only waits; must hold: 20 ms',
  run,
}

/** What happens meanwhile, besides counting. */
interface Phase {
  readonly what: string
  readonly during: () => Promise<unknown>
}

const ALONE = 'counting'
const SNAPSHOT = 'counting and a snapshot'
const JOINER = 'counting and a late joiner'

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const keys = quick ? 20_000 : 1_000_000
  const node = new Child(NODE_FLAGS)
  const waiting = new Child()
  const joinerStalls: number[] = []
  const joinMs: number[] = []
  const shown = new Map<string, { node: number[]; waiting: number[]; gc: number[] }>()
  try {
    const url = (await node.ask({ type: 'open', options: nodeOptions(scratch, scratch.dir(), 'n0') })).url as string
    await node.ask({ type: 'count', keys }, STEP_MS_MAX)
    const join = async () => {
      const joiner = new Child(NODE_FLAGS)
      try {
        await joiner.ask({ type: 'stall' })
        const startMs = performance.now()
        await joiner.ask({ type: 'open', options: nodeOptions(scratch, scratch.dir(), 'late', [url]) })
        await joiner.ask({ type: 'reach', keys, links: 1 }, STEP_MS_MAX)
        joinMs.push(performance.now() - startMs)
        joinerStalls.push((await joiner.ask({ type: 'stall' })).ms ?? Number.NaN)
      } finally {
        await joiner.end()
      }
    }
    const phases: Phase[] = [
      { what: ALONE, during: () => pause(quick ? 1_000 : 5_000) },
      { what: SNAPSHOT, during: () => node.ask({ type: 'export' }, STEP_MS_MAX) },
      { what: JOINER, during: join },
    ]
    await node.ask({ type: 'load', perSecond: PER_SECOND, keys })
    for (let round = 0; round < (quick ? 2 : 4); round++) {
      for (const { what, during } of phases) {
        for (const child of [node, waiting]) await child.ask({ type: 'stall' })
        await during()
        const seen = { node: await node.ask({ type: 'stall' }), waiting: await waiting.ask({ type: 'stall' }) }
        // The first round warms up; a late joiner of it took a member's place, as in a real room.
        if (round === 0) continue
        const samples = shown.get(what) ?? { node: [], waiting: [], gc: [] }
        samples.node.push(seen.node.ms ?? Number.NaN)
        samples.gc.push(seen.node.gcMs ?? Number.NaN)
        samples.waiting.push(seen.waiting.ms ?? Number.NaN)
        shown.set(what, samples)
      }
    }
    await node.ask({ type: 'unload' })
  } finally {
    await Promise.all([node.end(), waiting.end()])
  }
  const bare = (what: string) => `a process that waits, meanwhile: ${what}`
  const figures = [...shown].flatMap(([what, samples]): Figure[] => [
    { what, unit: 'ms', samples: samples.node, peer: bare(what) },
    { what: `the garbage collector's longest pause in it, meanwhile: ${what}`, unit: 'ms', samples: samples.gc },
    { what: bare(what), unit: 'ms', samples: samples.waiting },
  ])
  const joined: Figure[] = [
    { what: 'its longest stall', unit: 'ms', samples: joinerStalls.slice(1) },
    { what: 'until it knows all counters', unit: 'ms', samples: joinMs.slice(1) },
  ]
  return {
    tables: [
      { title: `longest stall, ${keys.toLocaleString('en')} counters`, figures },
      { title: 'the late joiner itself', figures: joined },
    ],
    bounds: figures.filter(({ peer }) => peer !== undefined).map(figure => ({ figure, max: STALL_MS_MAX })),
    notes: ['stalls are seen by a timer of 1 ms; those of the process that waits are the machine’s own'],
  }
}
