import { openNode, type TallymeshNode } from 'tallymesh'
import * as Y from 'yjs'
import type { Benchmark, Setting } from './benchmark.js'
import { counterName } from './counter-name.js'
import { seedLogs } from './departed.js'
import { randomOrder } from './order.js'
import { type Figure, type Findings, timesOf } from './report.js'
import { nodeOptions } from './room.js'
import { rounds } from './rounds.js'
import type { Scratch } from './scratch.js'

const KEYS = 1_000
const BATCH = 50
const TIMES_MAX = 1.2
/** Nobody folds the dead ids while they are measured. */
const FOLD_AFTER_MS = 86_400_000

export const dead: Benchmark = {
  name: 'dead',
  about:
    'commits of 50 of 1,000 counters in a room of two that holds the logs of 5,000 replica ids nobody counts under (--quick: 300), which are not folded yet, beside one that ' +
    'holds none, and one shared Yjs document with as many clients; must hold: 1.2 times',
  run,
}

/** Someone whose commits are measured. */
interface Room {
  readonly what: string
  readonly peer?: string
  readonly commit: (keys: readonly number[]) => Promise<unknown> | unknown
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const ids = quick ? 300 : 5_000
  const young = await linked(scratch, 0)
  const old = await linked(scratch, ids)
  try {
    const without = 'a node, without'
    const sharedWithout = 'a shared Yjs document, without'
    const rooms: Room[] = [
      { what: `a node, ${ids} dead ids`, peer: without, commit: keys => count(old[0], keys) },
      { what: without, commit: keys => count(young[0], keys) },
      { what: `a shared Yjs document, ${ids} dead clients`, peer: sharedWithout, commit: sharedDocument(ids) },
      { what: sharedWithout, commit: sharedDocument(0) },
    ]
    const commits = quick ? 50 : 400
    const cpu = new Map<string, number[]>(rooms.map(({ what }) => [what, []]))
    const commitMs = await rounds(
      quick ? 3 : 7,
      'ms',
      rooms.map(({ commit, ...room }) => ({
        ...room,
        run: async () => {
          const order = randomOrder(commits * BATCH, KEYS)
          const [startMs, before] = [performance.now(), process.cpuUsage()]
          for (let at = 0; at < order.length; at += BATCH) await commit([...order.subarray(at, at + BATCH)])
          const { user, system } = process.cpuUsage(before)
          cpu.get(room.what)?.push((user + system) / 1000 / commits)
          return (performance.now() - startMs) / commits
        },
      })),
    )
    const cpuMs = rooms.map(({ what, peer }): Figure => {
      const samples = cpu.get(what)?.slice(1) ?? []
      return { what, unit: 'ms', samples, ...(peer === undefined ? {} : { peer }) }
    })
    const times = (what: string, [with_, without_]: readonly Figure[]) => ({
      figure: timesOf(what, with_ as Figure, without_ as Figure),
      max: TIMES_MAX,
    })
    return {
      tables: [
        { title: `a commit of ${BATCH} counters`, figures: commitMs },
        { title: 'its processor time, of both nodes of the room', figures: cpuMs },
      ],
      bounds: [times('time of a commit', commitMs), times('processor time of a commit', cpuMs)],
      notes: [],
    }
  } finally {
    for (const node of [...old, ...young]) await node.close()
  }
}

/** Two linked nodes that hold the logs of as many dead ids. */
async function linked(scratch: Scratch, ids: number): Promise<[TallymeshNode, TallymeshNode]> {
  const dirs = [scratch.dir(), scratch.dir()] as const
  for (const dir of ids > 0 ? dirs : []) await seedLogs(dir, KEYS, ids, 0)
  const never = { foldAfterMs: FOLD_AFTER_MS }
  const first = await openNode({ ...nodeOptions(scratch, dirs[0], 'n0'), ...never })
  const second = await openNode({ ...nodeOptions(scratch, dirs[1], 'n1', [first.url as string]), ...never })
  for (let key = 0; key < KEYS; key++) first.counter(counterName(key)).increment()
  await first.counter('both').increment(1, { replicas: 2 })
  if (first.stats.logs < ids) throw new Error(`the room holds ${first.stats.logs} logs, not ${ids}`)
  return [first, second]
}

function count(node: TallymeshNode, keys: readonly number[]): Promise<void> {
  return node.add(keys.map(key => ({ key: counterName(key), add: 1 })))
}

/** One document that every node writes into: what each restart leaves in it is a client of its own. */
function sharedDocument(clients: number): (keys: readonly number[]) => void {
  const doc = new Y.Doc()
  for (let client = 0; client < clients; client++) {
    const old = new Y.Doc()
    const map = old.getMap<number>('counters')
    for (let i = 0; i < 10; i++) map.set(`${counterName((7 * client + 97 * i) % KEYS)}/${client}`, i + 1)
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(old))
  }
  const peer = new Y.Doc()
  Y.applyUpdate(peer, Y.encodeStateAsUpdate(doc))
  doc.on('update', (update: Uint8Array) => Y.applyUpdate(peer, update))
  const map = doc.getMap<number>('counters')
  return keys =>
    doc.transact(() => {
      for (const key of keys) map.set(`${counterName(key)}/own`, (map.get(`${counterName(key)}/own`) ?? 0) + 1)
    })
}
