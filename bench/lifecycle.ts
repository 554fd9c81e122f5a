import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ClassicLevel } from 'classic-level'
import { openNode, type TallymeshNode } from 'tallymesh'
import type { Benchmark, Setting } from './benchmark.js'
import { Child } from './child.js'
import { seedFences, seedLogs } from './departed.js'
import { randomOrder } from './order.js'
import type { Figure, Findings } from './report.js'
import { nodeOptions } from './room.js'
import { rounds, timed } from './rounds.js'
import { median } from './sample.js'
import type { Scratch } from './scratch.js'

const KEYS = 1_000
const NODES = 3
/** What an id takes in a list of those that are folded whole, and a store in one of those that were removed. */
const FENCE_BYTES = 7
const REMOVAL_BYTES = 16
const COMMITS = 200
const BATCH = 50
const TIMES_MAX = 1.5
const FOLD_MS_MAX = 900_000

export const lifecycle: Benchmark = {
  name: 'lifecycle',
  about:
    'three nodes that hold the logs of 10,000 restarts under fresh ids, without and with those of 1,000 members that left (--quick: 300 and 30), folded, ' +
    'beside three that never restarted, on 1,000 counters, without and with as many fences; must hold: database without fences, memory and open time beside ' +
    'those with as many fences, and commits, within 1.5 times',
  run,
}

/** Three nodes that are at rest: nobody's ids are folded. */
interface Aged {
  readonly what: string
  readonly dir: string
  /** How many ids are folded whole. */
  readonly ids: number
  /** And how many stores were removed. */
  readonly removed: number
  readonly nodes: readonly TallymeshNode[]
  /** Until no id was left that is nobody's. */
  readonly foldMs: number
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const [restarts, departed] = quick ? [300, 30] : [10_000, 1_000]
  const young = await aged(scratch, 'never restarted', 0, 0)
  const old = async (what: string, left: number) => ({
    room: await aged(scratch, what, restarts, left, dir => seedLogs(dir, KEYS, restarts, left)),
    // What a room has to remember for ever takes its time, and memory, of its own.
    fenced: await aged(scratch, `never restarted, the fences of ${what}`, restarts, left, dir =>
      seedFences(dir, restarts + left, left),
    ),
  })
  const pairs = [
    await old(`${restarts} restarts, ${departed} members left`, departed),
    await old(`${restarts} restarts`, 0),
  ]
  const rooms = [...pairs.flatMap(({ room, fenced }) => [room, fenced]), young]
  const peerOf = (of: Aged) => pairs.find(({ room }) => room === of)?.fenced ?? (of === young ? undefined : young)
  const commitMs = await commits(rooms)
  const structs = rooms.map(({ nodes }) => [nodes[0]?.stats.structs ?? Number.NaN])
  for (const node of rooms.flatMap(({ nodes }) => nodes)) await node.close()
  const memory = rooms.map((): number[] => [])
  const opening = (open: (dir: string, room: number) => Promise<number>) =>
    rooms.map((room, i) => ({ what: room.what, run: () => open(room.dir, i), ...named(peerOf(room)) }))
  const openMs = await rounds(
    quick ? 3 : 21,
    'ms',
    opening(dir => openedHere(scratch, dir)),
  )
  const freshMs = await rounds(
    quick ? 1 : 5,
    'ms',
    opening((dir, room) => openedFresh(scratch, dir, memory[room] as number[])),
  )
  const bytes = await Promise.all(rooms.map(async ({ dir }) => [await bytesIn(dir)]))
  const rest = bytes.map(([all = Number.NaN], i) => [
    all - (rooms[i]?.ids ?? 0) * FENCE_BYTES - (rooms[i]?.removed ?? 0) * REMOVAL_BYTES,
  ])
  const figures = (
    unit: Figure['unit'],
    samples: readonly (readonly number[])[],
    peer: (of: Aged) => Aged | undefined,
  ) =>
    rooms.map((room, i): Figure => {
      return { what: room.what, unit, samples: samples[i] as readonly number[], ...named(peer(room)) }
    })
  const besideYoung = (room: Aged) => (room === young ? undefined : young)
  /** What each old room has of something, as a multiple of what another one has. */
  const times = (what: string, samples: readonly (readonly number[])[], peer: (of: Aged) => Aged | undefined) =>
    pairs.map(({ room }) => {
      const medianOf = (of: Aged | undefined) => median(samples[rooms.indexOf(of as Aged)] ?? [])
      const ratio = medianOf(room) / medianOf(peer(room))
      return { figure: { what: `${what}, ${room.what}`, unit: '×', samples: [ratio] } as const, max: TIMES_MAX }
    })
  return {
    tables: [
      { title: 'Yjs structs of a node', figures: figures('structs', structs, besideYoung) },
      { title: 'database of a node, compacted', figures: figures('bytes', bytes, besideYoung) },
      {
        title: `the same without fences, ${FENCE_BYTES} bytes an id and ${REMOVAL_BYTES} a removed store`,
        figures: figures('bytes', rest, besideYoung),
      },
      { title: 'memory of a process for its node', figures: figures('bytes', memory, peerOf) },
      { title: 'opening it alone', figures: openMs },
      { title: 'the same in a process that just started', figures: freshMs },
      { title: `a commit of ${BATCH} counters`, figures: figures('ms', commitMs, besideYoung) },
      {
        title: 'folding',
        figures: pairs.map(({ room: { what, foldMs } }) => ({ what, unit: 'ms', samples: [foldMs] })),
      },
    ],
    bounds: [
      ...times('database without fences', rest, besideYoung),
      ...times('memory beside one with the fences', memory, peerOf),
      ...times(
        'open time beside one with the fences',
        openMs.map(({ samples }) => samples),
        peerOf,
      ),
      ...times('commit', commitMs, besideYoung),
    ],
    notes: [],
  }
}

function named(peer: Aged | undefined): { peer?: string } {
  return peer ? { peer: peer.what } : {}
}

/** @param seed writes what is in each directory before */
async function aged(
  scratch: Scratch,
  what: string,
  restarts: number,
  departed: number,
  seed?: (dir: string) => Promise<void>,
): Promise<Aged> {
  const dirs = Array.from({ length: NODES }, () => scratch.dir())
  for (const dir of dirs) await seed?.(dir)
  const nodes: TallymeshNode[] = []
  for (const [i, dir] of dirs.entries()) {
    const peers = nodes.flatMap(({ url }) => (url === undefined ? [] : [url]))
    nodes.push(await openNode({ ...nodeOptions(scratch, dir, `n${i}`, peers), foldAfterMs: 1_000, foldGraceMs: 0 }))
  }
  for (const node of nodes) for (let key = 0; key < KEYS; key++) node.counter(`counter-${key}`).increment()
  const foldMs = await timed(() => folded(nodes))
  return { what, dir: dirs[0] as string, ids: restarts + departed, removed: departed, nodes, foldMs }
}

async function folded(nodes: readonly TallymeshNode[]): Promise<void> {
  const endMs = performance.now() + FOLD_MS_MAX
  const left = () => Math.max(...nodes.map(({ stats }) => stats.logs))
  while (left() > NODES) {
    if (performance.now() > endMs) throw new Error(`${left()} replica ids are left after ${FOLD_MS_MAX / 1000} s`)
    await sleep(100)
  }
}

/** Commits of a node of each room, in turns. */
async function commits(rooms: readonly Aged[]): Promise<number[][]> {
  const counters = rooms.map(({ nodes }) => Array.from({ length: KEYS }, (_, i) => nodes[0]?.counter(`counter-${i}`)))
  const order = randomOrder(COMMITS * BATCH, KEYS)
  const samples = rooms.map((): number[] => [])
  for (let commit = 0; commit < COMMITS; commit++) {
    const count = async (room: number) => {
      let durable: Promise<void> | undefined
      for (let i = 0; i < BATCH; i++) durable = counters[room]?.[order[commit * BATCH + i] as number]?.increment()
      await durable
    }
    for (const room of rooms.keys()) samples[room]?.push(await timed(() => count(room)))
  }
  return samples
}

async function openedHere(scratch: Scratch, dir: string): Promise<number> {
  let node: TallymeshNode | undefined
  const ms = await timed(async () => (node = await openNode(nodeOptions(scratch, dir, 'n0'))))
  await node?.close()
  return ms
}

/** How long a process that just started takes to open a node: code is compiled meanwhile. Notes what memory the node takes. */
async function openedFresh(scratch: Scratch, dir: string, memory: number[]): Promise<number> {
  const child = new Child(['--expose-gc'])
  try {
    const { bytes: before = Number.NaN } = await child.ask({ type: 'memory' })
    const { ms = Number.NaN } = await child.ask({ type: 'open', options: nodeOptions(scratch, dir, 'n0') })
    const { bytes: after = Number.NaN } = await child.ask({ type: 'memory' })
    memory.push(after - before)
    return ms
  } finally {
    await child.end()
  }
}

/** Bytes of a closed database without what it only has not cleaned up yet. */
async function bytesIn(dir: string): Promise<number> {
  const path = join(dir, 'db')
  const level = new ClassicLevel<Uint8Array, Uint8Array>(path, { keyEncoding: 'view', valueEncoding: 'view' })
  await level.compactRange(Uint8Array.of(), new Uint8Array(8).fill(0xff))
  await level.close()
  return readdirSync(path).reduce((sum, file) => sum + statSync(join(path, file)).size, 0)
}
