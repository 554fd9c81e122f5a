import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type CounterKey, counterKey, type Entry, freshReplicaId, LogWriter, ReplicaLog, Table } from '@tallymesh/crdt'
import * as Y from 'yjs'
import type { Benchmark, Setting } from './benchmark.js'
import { openLone } from './lone-node.js'
import { randomOrder, xorshift } from './order.js'
import type { Figure, Findings } from './report.js'
import { timed } from './rounds.js'

const KEYS = 1_000
const BATCH = 50
const STRUCTS_MAX = 5_000
const BYTES_MAX = 2_000_000
const LOADS = 5

export const growth: Benchmark = {
  name: 'growth',
  about:
    '1,000 counters counted 1,000,000 times at random: structs, bytes and load time, beside a Y.Map of numbers; ' +
    'must hold: at most 5,000 structs, and a database under 2 MB without being closed',
  run,
}

/** What a history of counts has become. */
interface Grown {
  readonly what: string
  readonly structs: number
  readonly bytes: number
  readonly loadMs: readonly number[]
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const commits = quick ? 1_000 : 20_000
  const alone = quick ? 20_000 : 200_000
  const node = await grownNode(scratch.dir(), commits, { quick, scratch })
  const log = await grownLog(alone)
  const map = await grownMap(alone)
  const grown = [node, log, map]
  const figure = (of: (grown: Grown) => readonly number[], unit: Figure['unit']) =>
    grown.map(one => ({ what: one.what, unit, samples: of(one), ...(one === log ? { peer: map.what } : {}) }))
  const structs = figure(({ structs }) => [structs], 'structs')
  const bytes = figure(({ bytes }) => [bytes], 'bytes')
  const bounds = [
    { figure: rename(structs[0] as Figure, `structs of the ${node.what}`), max: STRUCTS_MAX },
    { figure: rename(structs[1] as Figure, `structs of the ${log.what}`), max: STRUCTS_MAX },
    { figure: rename(bytes[0] as Figure, `open database of the ${node.what}`), max: BYTES_MAX },
  ]
  return {
    tables: [
      { title: 'Yjs structs', figures: structs },
      { title: 'bytes (of the database on disk; of the update)', figures: bytes },
      { title: 'load time', figures: figure(({ loadMs }) => loadMs, 'ms') },
    ],
    bounds,
    notes: [],
  }
}

/** A node that counts in commits of many counters each; its database is looked at while it is open. */
async function grownNode(dir: string, commits: number, { scratch }: Setting): Promise<Grown> {
  const node = await openLone(scratch, dir)
  const counters = Array.from({ length: KEYS }, (_, i) => node.counter(`counter-${i}`))
  const order = randomOrder(commits * BATCH, KEYS)
  for (let commit = 0; commit < commits; commit++) {
    let durable: Promise<void> | undefined
    for (let i = 0; i < BATCH; i++) durable = counters[order[commit * BATCH + i] as number]?.increment()
    await durable
  }
  const { structs } = node.stats
  const bytes = bytesBelow(join(dir, 'db'))
  await node.close()
  const loadMs: number[] = []
  for (let load = 0; load < LOADS; load++) {
    let again: Awaited<ReturnType<typeof openLone>> | undefined
    loadMs.push(await timed(async () => (again = await openLone(scratch, dir))))
    await again?.close()
  }
  return { what: `node, ${commits * BATCH} increments, ${BATCH} a commit`, structs, bytes, loadMs }
}

/** A log alone, without a disk, of which every increment is a commit. */
async function grownLog(commits: number): Promise<Grown> {
  const table = new Table()
  const next = xorshift(7)
  const id = freshReplicaId(() => next() / 2 ** 32)
  const log = new ReplicaLog(id, table)
  const writer = new LogWriter(log)
  const keys = Array.from({ length: KEYS }, (_, i) => counterKey(`counter-${i}`))
  const totals = new Uint32Array(KEYS)
  const order = randomOrder(commits, KEYS)
  for (const at of order) {
    totals[at] = (totals[at] as number) + 1
    const entry: Entry = { kind: 'slot', key: keys[at] as CounterKey, p: totals[at] as number, n: 0 }
    table.mergeEntry(id, entry)
    writer.append([entry])
  }
  const { bytes } = log.diff(0, Number.MAX_SAFE_INTEGER)
  const loadMs = await repeated(() => {
    const fresh = new Table()
    const loaded = new ReplicaLog(id, fresh)
    const verdict = loaded.check(bytes)
    if (verdict.verdict !== 'new') throw new Error(`the log cannot be loaded: ${verdict.verdict}`)
    for (const entry of loaded.apply(verdict)) fresh.mergeEntry(id, entry)
    if (!fresh.equals(table)) throw new Error('the log lost counts')
  })
  return { what: `log, ${commits} increments, 1 a commit`, structs: log.structs, bytes: bytes.length, loadMs }
}

/** What one would do without this library: a shared map that is overwritten. */
async function grownMap(increments: number): Promise<Grown> {
  const doc = new Y.Doc()
  const map = doc.getMap<number>('counters')
  const order = randomOrder(increments, KEYS)
  for (const at of order) {
    const key = `counter-${at}`
    map.set(key, (map.get(key) ?? 0) + 1)
  }
  const bytes = Y.encodeStateAsUpdate(doc)
  const loadMs = await repeated(() => Y.applyUpdate(new Y.Doc(), bytes))
  const structs = [...doc.store.clients.values()].reduce((sum, list) => sum + list.length, 0)
  return { what: `Y.Map, ${increments} increments, 1 a commit`, structs, bytes: bytes.length, loadMs }
}

async function repeated(load: () => void): Promise<number[]> {
  const samples: number[] = []
  for (let i = 0; i < LOADS; i++) samples.push(await timed(load))
  return samples
}

function bytesBelow(dir: string): number {
  let bytes = 0
  for (const name of readdirSync(dir)) bytes += allocated(join(dir, name))
  return bytes
}

/** What a file takes on the disk: blocks of 512 bytes. LevelDB deletes files at any time. */
function allocated(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false })
  return found ? found.blocks * 512 : 0
}

function rename(figure: Figure, what: string): Figure {
  return { what, unit: figure.unit, samples: figure.samples }
}
