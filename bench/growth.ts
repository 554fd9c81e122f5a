import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type CounterKey, counterKey, type Entry, freshReplicaId, LogWriter, ReplicaLog, Table } from '@tallymesh/crdt'
import type { Benchmark, Setting } from './benchmark.js'
import { AutomergeCounters, type CrdtPeer, LoroCounters, YjsOverwritten } from './crdt-peers.js'
import { openLone } from './lone-node.js'
import { randomOrder, xorshift } from './order.js'
import type { Figure, Findings } from './report.js'
import { timed } from './rounds.js'

const KEYS = 1_000
/** Counters that a commit of the node changes, and increments of each: few change, so that most of the log is not written anew. */
const COMMIT_KEYS = 50
const TIMES = 100
const STRUCTS_MAX = 5_000
const BYTES_MAX = 1_000_000
const OPEN_MS_MAX = 100
const LOADS = 5
/** Increments of a commit of another library's document. */
const PEER_BATCH = 50

export const growth: Benchmark = {
  name: 'growth',
  about:
    '1,000 counters counted 100,000,000 times at random in 20,000 commits: structs, bytes and load time, beside a Y.Map and Loro counters after ' +
    '1,000,000, and Automerge counters after 100,000; must hold: 5,000 structs, 1 MB of database without being closed, opened in 100 ms',
  run,
}

/** What a history of counts has become. */
interface Grown {
  readonly what: string
  /** Undefined where the library does not tell. */
  readonly structs: number | undefined
  readonly bytes: number
  readonly loadMs: readonly number[]
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const commits = quick ? 1_000 : 20_000
  const alone = quick ? 20_000 : 200_000
  const others = quick ? 20_000 : 1_000_000
  const node = await grownNode(scratch.dir(), commits, { quick, scratch })
  const log = await grownLog(alone)
  const map = await grownPeer(new YjsOverwritten(), others, 1)
  const loro = await grownPeer(new LoroCounters(names), others, PEER_BATCH)
  // A tenth: it takes as long as all the others together.
  const automerge = await grownPeer(new AutomergeCounters(names), others / 10, PEER_BATCH)
  const grown = [node, log, map, loro, automerge]
  const figure = (of: (grown: Grown) => readonly number[], unit: Figure['unit']): Figure[] =>
    grown
      .filter(one => of(one).length > 0)
      .map(one => ({
        what: one.what,
        unit,
        samples: of(one),
        ...(one === node || one === log ? { peer: map.what } : {}),
      }))
  const structs = figure(one => (one.structs === undefined ? [] : [one.structs]), 'structs')
  const bytes = figure(one => [one.bytes], 'bytes')
  const loads = figure(({ loadMs }) => loadMs, 'ms')
  const bounds = [
    { figure: rename(structs[0] as Figure, `structs of the ${node.what}`), max: STRUCTS_MAX },
    { figure: rename(structs[1] as Figure, `structs of the ${log.what}`), max: STRUCTS_MAX },
    { figure: rename(bytes[0] as Figure, `open database of the ${node.what}`), max: BYTES_MAX },
    { figure: rename(loads[0] as Figure, `opening the ${node.what}`), max: OPEN_MS_MAX },
  ]
  return {
    tables: [
      { title: 'Yjs structs', figures: structs },
      { title: 'bytes (of the database on disk; of the document)', figures: bytes },
      { title: 'load time', figures: loads },
    ],
    bounds,
    notes: [],
  }
}

const names = Array.from({ length: KEYS }, (_, i) => `counter-${i}`)

/** A node that counts in commits of many increments each; its database is looked at while it is open. */
async function grownNode(dir: string, commits: number, { scratch }: Setting): Promise<Grown> {
  const node = await openLone(scratch, dir)
  const counters = names.map(name => node.counter(name))
  const order = randomOrder(commits * COMMIT_KEYS, KEYS)
  for (let commit = 0; commit < commits; commit++) {
    let durable: Promise<void> | undefined
    for (const at of order.subarray(commit * COMMIT_KEYS, (commit + 1) * COMMIT_KEYS)) {
      for (let i = 0; i < TIMES; i++) durable = counters[at]?.increment()
    }
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
  const increments = commits * COMMIT_KEYS * TIMES
  const what = `node, ${millions(increments)} increments, ${COMMIT_KEYS} counters a commit`
  return { what, structs, bytes, loadMs }
}

/** A log alone, without a disk, of which every increment is a commit. */
async function grownLog(commits: number): Promise<Grown> {
  const table = new Table()
  const next = xorshift(7)
  const id = freshReplicaId(() => next() / 2 ** 32)
  const log = new ReplicaLog(id, table)
  const writer = new LogWriter(log)
  const keys = names.map(name => counterKey(name))
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
    loaded.apply(verdict, entry => void fresh.mergeEntry(id, entry))
    if (!fresh.equals(table)) throw new Error('the log lost counts')
  })
  return { what: `log, ${millions(commits)} increments, 1 a commit`, structs: log.structs, bytes: bytes.length, loadMs }
}

/** What the same counts become in a document of another library. */
async function grownPeer(peer: CrdtPeer, increments: number, batch: number): Promise<Grown> {
  const order = randomOrder(increments, KEYS)
  for (let at = 0; at < increments; at += batch) {
    peer.commit(Array.from(order.subarray(at, at + batch), number => names[number] as string))
  }
  const bytes = peer.encode()
  const loadMs = await repeated(() => peer.load(bytes))
  const what = `${peer.what}, ${millions(increments)} increments, ${batch} a commit`
  return { what, structs: peer.structs?.(), bytes: bytes.length, loadMs }
}

function millions(count: number): string {
  return count >= 1_000_000 ? `${count / 1_000_000} million` : count.toLocaleString('en')
}

async function repeated(load: () => unknown): Promise<number[]> {
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
