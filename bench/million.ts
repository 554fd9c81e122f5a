import { join } from 'node:path'
import type { Benchmark, Setting } from './benchmark.js'
import { Child } from './child.js'
import { redisLoaded } from './million-peers.js'
import { redisNote } from './redis.js'
import { type Bound, type Figure, type Findings, timesOf } from './report.js'
import { nodeOptions } from './room.js'
import { rounds } from './rounds.js'
import type { Scratch } from './scratch.js'

const STEP_MS_MAX = 300_000
const OPEN_TIMES_MAX = 2
const FIRST_BYTES_MAX = 200
const FURTHER_BYTES_MAX = 80
const FLAGS = ['--max-old-space-size=12288', '--expose-gc']

export const million: Benchmark = {
  name: 'million',
  about:
    'time to open 1,000,000 counters (--quick: 20,000) of one and of three replicas, and memory for each, with names of 20 bytes, beside reading the same ' +
    'bytes raw into a Map, Redis and a Y.Map; must hold: twice the raw read, sooner than Redis, 200 bytes a counter, 80 more for each further replica',
  run,
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const keys = quick ? 20_000 : 1_000_000
  const one = await directoryOf(scratch, 1, keys)
  const three = await directoryOf(scratch, 3, keys)
  const memory = new Map<string, number[]>()
  const noted = (what: string, bytes: number) => memory.set(what, [...(memory.get(what) ?? []), bytes / keys])
  const opened = (what: string, dir: string) => async () => {
    const { ms, bytes } = await openedIn(scratch, dir)
    noted(what, bytes)
    return ms
  }
  const scanned = (dir: string) => async () => {
    const child = new Child(FLAGS)
    try {
      return (await child.ask({ type: 'scan', path: join(dir, 'db'), keys }, STEP_MS_MAX)).ms ?? Number.NaN
    } finally {
      await child.end()
    }
  }
  const redis = await redisLoaded(scratch, keys)
  const names = { one: 'a node, 1 replica', three: 'a node, 3 replicas' }
  const scans = { one: 'raw iterator and a Map, 1 replica', three: 'raw iterator and a Map, 3 replicas' }
  const openMs = await rounds(quick ? 1 : 3, 'ms', [
    { what: names.one, peer: scans.one, run: opened(names.one, one) },
    { what: scans.one, run: scanned(one) },
    { what: names.three, peer: scans.three, run: opened(names.three, three) },
    { what: scans.three, run: scanned(three) },
    ...(redis
      ? [
          {
            what: redis.what,
            run: async () => {
              const { ms, bytes } = await redis.load()
              noted(redis.what, bytes)
              return ms
            },
          },
        ]
      : []),
  ])
  const samplesOf = (what: string) => memory.get(what)?.slice(1) ?? []
  const further = samplesOf(names.three).map((bytes, round) => (bytes - (samplesOf(names.one)[round] as number)) / 2)
  const each = 'each further replica'
  const bytes: Figure[] = [
    { what: names.one, unit: 'bytes', samples: samplesOf(names.one), ...(redis ? { peer: redis.what } : {}) },
    { what: each, unit: 'bytes', samples: further },
    { what: names.three, unit: 'bytes', samples: samplesOf(names.three) },
    ...(redis ? [{ what: redis.what, unit: 'bytes' as const, samples: samplesOf(redis.what) }] : []),
    await yjsMemory(keys, 1),
    await yjsMemory(keys, 3),
  ]
  return {
    tables: [
      { title: `opening ${keys.toLocaleString('en')} counters in a fresh process`, figures: openMs },
      { title: 'memory for each counter', figures: bytes },
    ],
    bounds: [
      ...openBounds(openMs),
      { figure: { ...(bytes[0] as Figure), what: 'memory of a counter, first replica' }, max: FIRST_BYTES_MAX },
      {
        figure: { ...(bytes[1] as Figure), what: 'memory of a counter, each further replica' },
        max: FURTHER_BYTES_MAX,
      },
    ],
    notes: [redisNote()],
  }
}

async function yjsMemory(keys: number, replicas: number): Promise<Figure> {
  const child = new Child(FLAGS)
  try {
    const { bytes = Number.NaN } = await child.ask({ type: 'yjs', keys, replicas }, STEP_MS_MAX)
    return { what: `Y.Map, a key for each node, ${replicas} of them`, unit: 'bytes', samples: [bytes] }
  } finally {
    await child.end()
  }
}

function openBounds([one, scanOne, three, scanThree, redis]: readonly Figure[]): Bound[] {
  const bounds: Bound[] = [
    {
      figure: timesOf('opening 1 replica, against the raw read', one as Figure, scanOne as Figure),
      max: OPEN_TIMES_MAX,
    },
    {
      figure: timesOf('opening 3 replicas, against the raw read', three as Figure, scanThree as Figure),
      max: OPEN_TIMES_MAX,
    },
  ]
  if (redis) {
    bounds.push({ figure: timesOf('opening 1 replica, against Redis', one as Figure, redis), max: 1 })
    bounds.push({ figure: timesOf('opening 3 replicas, against Redis', three as Figure, redis), max: 1 })
  }
  return bounds
}

/** The directory of one node of a room in which everybody counted everything, one after the other; closed. */
async function directoryOf(scratch: Scratch, replicas: number, keys: number): Promise<string> {
  const dirs = Array.from({ length: replicas }, () => scratch.dir())
  const urls: string[] = []
  const children: Child[] = []
  try {
    for (const [i, dir] of dirs.entries()) {
      const child = new Child(FLAGS)
      children.push(child)
      const options = nodeOptions(scratch, dir, `n${i}`, urls)
      urls.push((await child.ask({ type: 'open', options }, STEP_MS_MAX)).url as string)
    }
    for (const child of children) await child.ask({ type: 'count', keys }, STEP_MS_MAX)
    for (const child of children) await child.ask({ type: 'agree', keys, replicas }, STEP_MS_MAX)
  } finally {
    await Promise.all(children.map(child => child.end()))
  }
  return dirs[0] as string
}

async function openedIn(scratch: Scratch, dir: string): Promise<{ ms: number; bytes: number }> {
  const child = new Child(FLAGS)
  try {
    const { bytes: before = Number.NaN } = await child.ask({ type: 'memory' })
    const { ms = Number.NaN } = await child.ask({ type: 'open', options: nodeOptions(scratch, dir, 'n0') }, STEP_MS_MAX)
    const { bytes: after = Number.NaN } = await child.ask({ type: 'memory' })
    return { ms, bytes: after - before }
  } finally {
    await child.end()
  }
}
