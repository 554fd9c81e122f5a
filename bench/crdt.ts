import { counterKey, freshReplicaId, LogWriter, ReplicaLog, SlotTotals, Table } from '@tallymesh/crdt'
import type { Benchmark, Setting } from './benchmark.js'
import { counterName } from './counter-name.js'
import { AutomergeCounters, type CrdtPeer, LoroCounters, YjsOverwritten, YjsOwnKeys } from './crdt-peers.js'
import { randomOrder, xorshift } from './order.js'
import type { Figure, Findings } from './report.js'
import { type Contestant, rounds } from './rounds.js'

const KEYS = 1_000
const COMMIT_KEYS = [1, 100]

export const crdt: Benchmark = {
  name: 'crdt',
  about:
    'commits of 1 and of 100 of 1,000 counters, in memory alone: counted, encoded and ready to be sent, beside counters of Loro and Automerge and two ways to ' +
    'count in a Y.Map',
  run,
}

async function run({ quick }: Setting): Promise<Omit<Findings, 'name'>> {
  const names = Array.from({ length: KEYS }, (_, i) => counterName(i))
  const roundMs = quick ? 100 : 400
  const tables: Array<{ title: string; figures: Figure[] }> = []
  for (const size of COMMIT_KEYS) {
    const commit = ownCommits(names)
    const others = [new LoroCounters(names), new YjsOverwritten(), new YjsOwnKeys(), new AutomergeCounters(names)]
    const figures = await rounds(quick ? 3 : 5, '/s', [
      { what: 'table and log of tallymesh', peer: 'Loro counter', run: counted(commit, size, roundMs) },
      ...others.map((peer: CrdtPeer): Contestant => {
        return { what: peer.what, run: counted(at => peer.commit(at.map(i => names[i] as string)), size, roundMs) }
      }),
    ])
    tables.push({ title: `counters counted, ${size} a commit`, figures })
  }
  return { tables, bounds: [], notes: [] }
}

/** Commits of counters, by their numbers, as a node makes them, without its disk and its links. */
function ownCommits(names: readonly string[]): (numbers: readonly number[]) => Uint8Array {
  const next = xorshift(7)
  const table = new Table()
  const id = freshReplicaId(() => next() / 2 ** 32)
  const writer = new LogWriter(new ReplicaLog(id, table))
  const keyIds = names.map(name => table.idOf(counterKey(name)))
  const totals = new Float64Array(names.length)
  return numbers => {
    const slots = new SlotTotals()
    for (const at of numbers) {
      totals[at] = (totals[at] as number) + 1
      slots.add(keyIds[at] as number, totals[at] as number, 0)
      table.merge(id, keyIds[at] as number, totals[at] as number, 0)
    }
    return writer.append([], 0, slots).bytes
  }
}

function counted(commit: (numbers: readonly number[]) => Uint8Array, size: number, roundMs: number): () => number {
  const start = randomOrder(16_384, KEYS)
  let next = 0
  // Neighbors from a random place on: no counter twice.
  const numbers = () => {
    const from = start[next++ & 16_383] as number
    return Array.from({ length: size }, (_, i) => (from + i * 7) % KEYS)
  }
  return () => {
    const startMs = performance.now()
    let commits = 0
    while (performance.now() - startMs < roundMs) {
      if (commit(numbers()).length === 0) throw new Error('a commit is empty')
      commits++
    }
    return (commits * size * 1000) / (performance.now() - startMs)
  }
}
