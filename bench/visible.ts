import { setTimeout as pause } from 'node:timers/promises'
import type { Benchmark, Setting } from './benchmark.js'
import type { Child, Seen } from './child.js'
import { xorshift } from './order.js'
import { redisNote } from './redis.js'
import { RedisServer } from './redis-server.js'
import type { Figure, Findings } from './report.js'
import { BenchRoom } from './room.js'
import { quantile } from './sample.js'
import type { Scratch } from './scratch.js'
import { SteadyLoad } from './steady-load.js'

const NODES = 3
const KEYS = 1_000
const PROBE = 'probe'
const PROBES_BETWEEN_MS = 5
const SHOWN_MS_MAX = 10_000
const P50_MAX = 3
const P99_MAX = 20
/** Increments a second of each node: 10,000 of all, and 10,000 of each. */
const LOADS = [10_000 / NODES, 10_000]

export const visible: Benchmark = {
  name: 'visible',
  about:
    'from the acknowledgement of a count until the last of the two other nodes shows it, while the room counts 10,000 a second, and while each ' +
    'node does, each in a process of its own, beside a replica of Redis; must hold: p50 of 3 ms and p99 of 20 ms',
  run,
}

/** Lags of the probes of one round. */
interface Lags {
  readonly acked: number[]
  readonly called: number[]
}

/** Counts once; answers when that was called, when it was acknowledged, and when everybody else showed it. */
type Probing = (number: number) => Promise<{ calledNs: bigint; ackedNs: bigint; shownNs: bigint }>

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const tables: Findings['tables'] = []
  const bounds: Findings['bounds'] = []
  const shape = quick ? { rounds: 2, probes: 50 } : { rounds: 5, probes: 300 }
  for (const each of LOADS) {
    const all = Math.round(each * NODES).toLocaleString('en')
    const own = await inRoom(scratch, each, shape)
    const redis = RedisServer.version() === undefined ? undefined : await inRedis(scratch, each * NODES, shape)
    const peer = 'Redis, its replica'
    const figures = (of: 'acked' | 'called'): Figure[] =>
      [0.5, 0.99].flatMap(q => {
        const name = `p${q * 100}`
        const figure = (what: string, lags: readonly Lags[]): Figure => {
          return { what: `${what}, ${name}`, unit: 'ms', samples: lags.map(round => quantile(round[of], q)) }
        }
        const ours = figure('tallymesh, both other nodes', own)
        return redis ? [{ ...ours, peer: `${peer}, ${name}` }, figure(peer, redis)] : [ours]
      })
    const acked = figures('acked')
    tables.push({ title: `after the acknowledgement, ${all} a second in all`, figures: acked })
    tables.push({ title: `after the call, ${all} a second in all`, figures: figures('called') })
    for (const [name, max] of [['p50', P50_MAX] as const, ['p99', P99_MAX] as const]) {
      const figure = acked.find(({ what }) => what.startsWith('tallymesh') && what.endsWith(name)) as Figure
      bounds.push({ figure: { ...figure, what: `${name} after the acknowledgement, ${all} a second` }, max })
    }
  }
  return { tables, bounds, notes: [redisNote(', with one replica')] }
}

async function measure(probing: Probing, shape: { rounds: number; probes: number }): Promise<Lags[]> {
  const found: Lags[] = []
  let number = 0
  for (let round = 0; round <= shape.rounds; round++) {
    const lags: Lags = { acked: [], called: [] }
    for (let i = 0; i < shape.probes; i++) {
      const { calledNs, ackedNs, shownNs } = await probing(++number)
      lags.acked.push(Math.max(0, Number(shownNs - ackedNs) / 1e6))
      lags.called.push(Number(shownNs - calledNs) / 1e6)
      await pause(PROBES_BETWEEN_MS)
    }
    if (round > 0) found.push(lags)
  }
  return found
}

async function inRoom(scratch: Scratch, each: number, shape: Parameters<typeof measure>[1]): Promise<Lags[]> {
  const room = await BenchRoom.start(scratch, NODES, KEYS)
  try {
    const [first, ...others] = room.children as [Child, ...Child[]]
    const shows = others.map(child => new Shown(child))
    await Promise.all(others.map(child => child.ask({ type: 'watch', counter: PROBE })))
    await room.all({ type: 'load', perSecond: each, keys: KEYS })
    const startMs = performance.now()
    const found = await measure(async number => {
      const { calledNs = 0n, ackedNs = 0n } = await first.ask({ type: 'probe', counter: PROBE })
      let shownNs = 0n
      for (const shown of shows) {
        const atNs = await shown.at(number)
        if (atNs > shownNs) shownNs = atNs
      }
      return { calledNs, ackedNs, shownNs }
    }, shape)
    const due = ((performance.now() - startMs) * each) / 1000
    for (const child of room.children) {
      const { count = 0 } = await child.ask({ type: 'unload' })
      if (count < 0.95 * due) throw new Error(`a node counted ${count} times where ${Math.round(due)} were due`)
    }
    return found
  } finally {
    await room.end()
  }
}

/** When a child first showed a value. */
class Shown {
  #value = 0
  #atNs = 0n
  #told: (() => void) | undefined

  constructor(child: Child) {
    child.onSeen = seen => this.take(seen)
  }

  take({ seen, atNs }: Seen): void {
    this.#value = seen
    this.#atNs = atNs
    this.#told?.()
  }

  /** Probes come one by one: whoever shows a value shows no later one yet. */
  async at(value: number): Promise<bigint> {
    const deadline = AbortSignal.timeout(SHOWN_MS_MAX)
    while (this.#value < value) {
      await new Promise<void>((resolve, reject) => {
        this.#told = resolve
        deadline.addEventListener('abort', () => reject(new Error('a node did not show a count')), { once: true })
      })
    }
    return this.#atNs
  }
}

async function inRedis(scratch: Scratch, perSecond: number, shape: Parameters<typeof measure>[1]): Promise<Lags[]> {
  const server = await RedisServer.start(scratch)
  const replica = await RedisServer.start(scratch, { replicaOf: server })
  const clients = [server.connect({ enableAutoPipelining: true }), server.connect(), replica.connect()] as const
  const [loading, probing, listening] = clients
  const next = xorshift(29)
  let last: Promise<unknown> = Promise.resolve()
  const load = new SteadyLoad(perSecond, KEYS, () => {
    last = loading.incr(`key:${next() % KEYS}`)
  })
  try {
    let told: (atNs: bigint) => void = () => {}
    listening.on('message', () => told(process.hrtime.bigint()))
    await listening.subscribe(`__keyspace@0__:${PROBE}`)
    return await measure(async () => {
      const shown = new Promise<bigint>(resolve => {
        told = resolve
      })
      const calledNs = process.hrtime.bigint()
      await probing.incr(PROBE)
      const ackedNs = process.hrtime.bigint()
      return { calledNs, ackedNs, shownNs: await shown }
    }, shape)
  } finally {
    load.stop()
    // Answers come in order: with the last one nothing is under way.
    await last
    for (const client of clients) client.disconnect()
    await Promise.all([server.stop(), replica.stop()])
  }
}
