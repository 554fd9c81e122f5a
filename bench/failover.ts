import { setTimeout as pause } from 'node:timers/promises'
import type { Benchmark, Setting } from './benchmark.js'
import type { Figure, Findings } from './report.js'
import { RequestLoop, type Seen } from './request-loop.js'
import { ServerProcess } from './server-process.js'

const NODES = 3
const CATCH_UP_KEYS = 100_000
const CONNECTIONS = 16
/** So that the survivors are busy, and the machine is not full: on a machine that is full, whoever comes back takes from all. */
const PAUSE_MS = 10
const THROUGHPUT_MIN = 0.85
const P99_MAX = 2

export const failover: Benchmark = {
  name: 'failover',
  about:
    'requests per second and p99 of two nodes, asked directly, while the third is killed, comes back, and catches up with ' +
    `${CATCH_UP_KEYS.toLocaleString('en')} keys, beside before; must hold: 85 % of the throughput, twice the p99`,
  run,
}

/** What happens to the third node while the others are measured. */
interface Phase {
  readonly what: string
  /** Before the measurement. */
  readonly prepare?: (room: Room) => Promise<void>
  readonly during: (room: Room) => Promise<void>
}

interface Room {
  readonly survivors: readonly ServerProcess[]
  third: ServerProcess
  readonly keys: number
  /** How often all keys were counted. */
  fills: number
}

const BEFORE = 'before'
const PHASES: readonly Phase[] = [
  { what: BEFORE, during: async () => {} },
  { what: 'the third is killed', during: ({ third }) => third.kill() },
  { what: 'it comes back', during: comesBack },
  {
    what: 'it comes back and catches up',
    prepare: async room => {
      await room.third.kill()
      await room.survivors[0]?.fill('k', room.keys)
      room.fills++
    },
    during: comesBack,
  },
]

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const processes = await ServerProcess.room(scratch, NODES)
  const [third] = processes.splice(NODES - 1)
  const room: Room = {
    survivors: processes,
    third: third as ServerProcess,
    keys: quick ? 10_000 : CATCH_UP_KEYS,
    fills: 0,
  }
  const loops: RequestLoop[] = []
  try {
    for (const { port } of room.survivors) loops.push(await RequestLoop.open(port, CONNECTIONS, PAUSE_MS))
    const seen = new Map<string, Seen[]>(PHASES.map(({ what }) => [what, []]))
    for (let round = 0; round <= (quick ? 1 : 3); round++) {
      for (const { what, prepare, during } of PHASES) {
        await prepare?.(room)
        await pause(500)
        for (const loop of loops) loop.take()
        await Promise.all([during(room), pause(quick ? 1_000 : 3_000)])
        // The first round warms up.
        if (round > 0) seen.get(what)?.push(together(loops.map(loop => loop.take())))
      }
    }
    return findings(seen)
  } finally {
    for (const loop of loops) loop.close()
    await Promise.all([...room.survivors, room.third].map(node => node.kill()))
  }
}

/** Ends when the third is ready and has every key. */
async function comesBack(room: Room): Promise<void> {
  room.third = room.third.again()
  await room.third.ready()
  if (room.fills === 0) return
  while ((await room.third.value(`k${room.keys - 1}`)) !== room.fills) await pause(20)
}

/** All survivors as one service: what it serves, and its slowest node. */
function together(each: readonly Seen[]): Seen {
  return {
    perSecond: each.reduce((sum, { perSecond }) => sum + perSecond, 0),
    p99Ms: Math.max(...each.map(({ p99Ms }) => p99Ms)),
    maxMs: Math.max(...each.map(({ maxMs }) => maxMs)),
  }
}

function findings(seen: ReadonlyMap<string, readonly Seen[]>): Omit<Findings, 'name'> {
  const table = (unit: '/s' | 'ms', pick: (seen: Seen) => number): Figure[] =>
    [...seen].map(([what, each]) => ({
      what,
      unit,
      samples: each.map(pick),
      ...(what === BEFORE ? {} : { peer: BEFORE }),
    }))
  const throughput = table('/s', ({ perSecond }) => perSecond)
  const p99 = table('ms', ({ p99Ms }) => p99Ms)
  return {
    tables: [
      { title: 'throughput of the other two', figures: throughput },
      { title: 'their p99', figures: p99 },
      { title: 'their longest wait', figures: table('ms', ({ maxMs }) => maxMs) },
    ],
    bounds: [
      ...ratios(throughput).map(figure => ({ figure, min: THROUGHPUT_MIN })),
      ...ratios(p99).map(figure => ({ figure, max: P99_MAX })),
    ],
    notes: [],
  }
}

/** Each figure but the first as a multiple of the first, round by round. */
function ratios([before, ...figures]: readonly Figure[]): Figure[] {
  const of = before?.unit === 'ms' ? 'p99 while ' : 'throughput while '
  return figures.map(({ what, samples }) => ({
    what: `${of}${what}`,
    unit: '× before' as const,
    samples: samples.map((sample, round) => sample / (before?.samples[round] as number)),
  }))
}
