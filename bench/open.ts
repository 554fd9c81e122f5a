import { join } from 'node:path'
import type { Benchmark, Setting } from './benchmark.js'
import { Child } from './child.js'
import type { Findings } from './report.js'
import { BenchRoom, nodeOptions } from './room.js'
import { rounds } from './rounds.js'
import type { Scratch } from './scratch.js'

const OPEN_MS_MAX = 2_000

export const open: Benchmark = {
  name: 'open',
  about:
    'a fresh process opens a node with 100,000 counters (--quick: 10,000) of one and of three replicas, beside reading the same database ' +
    'raw and building a Map of that size; must hold: under 2 s with three replicas',
  run,
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const keys = quick ? 10_000 : 100_000
  const one = await directoryOf(scratch, 1, keys)
  const three = await directoryOf(scratch, 3, keys)
  const opening = (dir: string) => () =>
    inChild(child => child.ask({ type: 'open', options: nodeOptions(scratch, dir, 'n0') }))
  const scanning = (dir: string) => () => inChild(child => child.ask({ type: 'scan', path: join(dir, 'db'), keys }))
  const scanOne = 'raw iterator and a Map, 1 replica'
  const scanThree = 'raw iterator and a Map, 3 replicas'
  const figures = await rounds(quick ? 1 : 3, 'ms', [
    { what: `openNode, ${keys} counters, 3 replicas`, peer: scanThree, run: opening(three) },
    { what: scanThree, run: scanning(three) },
    { what: `openNode, ${keys} counters, 1 replica`, peer: scanOne, run: opening(one) },
    { what: scanOne, run: scanning(one) },
  ])
  return {
    tables: [{ title: 'opening in a fresh process', figures }],
    bounds: quick ? [] : figures.slice(0, 1).map(figure => ({ figure, max: OPEN_MS_MAX })),
    notes: quick ? ['the bound is one of 100,000 counters: it is not judged with --quick'] : [],
  }
}

/** The directory of one node of a room in which everybody counted everything; closed. */
async function directoryOf(scratch: Scratch, replicas: number, keys: number): Promise<string> {
  const room = await BenchRoom.start(scratch, replicas, keys)
  await room.all({ type: 'agree', replicas, keys })
  await room.end()
  return room.dirs[0] as string
}

/** Modules are loaded before the clock starts, code is compiled while it runs: as in a service that starts. */
async function inChild(ask: (child: Child) => Promise<{ ms?: number }>): Promise<number> {
  const child = new Child()
  try {
    return (await ask(child)).ms ?? Number.NaN
  } finally {
    await child.end()
  }
}
