import { setTimeout as pause } from 'node:timers/promises'
import { openNode, type TallymeshNode } from 'tallymesh'
import type { Benchmark, Setting } from './benchmark.js'
import { AutomergeCounters, type CrdtPeer, LoroCounters, YjsOverwritten, YjsOwnKeys } from './crdt-peers.js'
import { LinkProxy } from './link-proxy.js'
import { xorshift } from './order.js'
import type { Figure, Findings } from './report.js'
import { nodeOptions } from './room.js'
import type { Scratch } from './scratch.js'

const KEYS = 2_000
const NAME_BYTES = 20
const COMMIT_KEYS = [100, 1_000]
/** Of the bytes of the name and 8 for the count. */
const TIMES_MAX = 1.8
const SETTLE_MS_MAX = 10_000

export const linkBytes: Benchmark = {
  name: 'link-bytes',
  about:
    'bytes that a link carries for each counter that a commit changed, as a TCP proxy counts them, over commits of 100 and 1,000 ' +
    'of 2,000 counters at random, beside updates of Automerge, Loro and a Y.Map; must hold: 1.8 × (name + 8), 50.4 bytes',
  run,
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const tables: Findings['tables'] = []
  const bounds: Findings['bounds'] = []
  for (const size of COMMIT_KEYS) {
    const commits = (quick ? 20_000 : 200_000) / size
    const peers = [...[new AutomergeCounters(names), new LoroCounters(names), new YjsOverwritten(), new YjsOwnKeys()]]
    const [one, two] = [await linkOf(scratch, 1, size, commits), await linkOf(scratch, 2, size, commits)]
    const overwritten = peers.map(peer => figureOf(peer, size, commits / 10))
    const against = overwritten[2]?.what as string
    const own: Figure[] = [
      { what: 'tallymesh', unit: 'bytes', samples: one, peer: against },
      { what: 'tallymesh, batches of version 2', unit: 'bytes', samples: two, peer: against },
    ]
    tables.push({
      title: `a link's bytes for each changed counter, commits of ${size}, names of ${NAME_BYTES} bytes`,
      figures: [...own, ...overwritten],
    })
    const what = `bytes of each changed counter, commits of ${size}`
    bounds.push({ figure: { what, unit: 'bytes', samples: one }, max: TIMES_MAX * (NAME_BYTES + 8) })
  }
  return {
    tables,
    bounds,
    notes: [
      'others: the update alone, without what their networks add; the first commits, which name counters, left out',
    ],
  }
}

const names = Array.from({ length: KEYS }, (_, i) => `counter-${i}`.padEnd(NAME_BYTES, '-'))

/** Counters of commit after commit: no counter twice in one. */
function commitsOf(size: number): () => string[] {
  const next = xorshift(17)
  return () => {
    const chosen = new Set<string>()
    while (chosen.size < size) chosen.add(names[next() % KEYS] as string)
    return [...chosen]
  }
}

function figureOf(peer: CrdtPeer, size: number, commits: number): Figure {
  const next = commitsOf(size)
  for (let i = 0; i < (2 * KEYS) / size; i++) peer.commit(next())
  let bytes = 0
  for (let i = 0; i < commits; i++) bytes += peer.commit(next()).length
  return { what: peer.what, unit: 'bytes', samples: [bytes / (commits * size)] }
}

/** Samples of a link to one peer, each over a fifth of the commits: entries that commits append again are in them. */
async function linkOf(scratch: Scratch, batchVersion: 1 | 2, size: number, commits: number): Promise<number[]> {
  const node = await openNode({ ...nodeOptions(scratch, scratch.dir(), 'n0'), batchVersion })
  const proxy = await LinkProxy.open(Number(new URL(node.url as string).port))
  const { listen: _, ...dialing } = nodeOptions(scratch, scratch.dir(), 'n1', [`ws://127.0.0.1:${proxy.port}`])
  const peer = await openNode({ ...dialing, batchVersion })
  try {
    const next = commitsOf(size)
    const add = () => node.add(next().map(key => ({ key, add: 1 })))
    for (let i = 0; i < (2 * KEYS) / size; i++) await add()
    const samples: number[] = []
    for (let part = 0; part < 5; part++) {
      await settled(node, peer)
      const before = proxy.bytes
      for (let i = 0; i < commits / 5; i++) await add()
      await settled(node, peer)
      samples.push((proxy.bytes - before) / ((commits / 5) * size))
    }
    return samples
  } finally {
    await Promise.all([node.close(), peer.close()])
    proxy.close()
  }
}

async function settled(node: TallymeshNode, peer: TallymeshNode): Promise<void> {
  await peer.reached(node.position, SETTLE_MS_MAX)
  await pause(50)
}
