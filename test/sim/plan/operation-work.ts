import type { Stream } from '../draw.js'
import type { RoomSpec } from './plan.js'
import type { Scene } from './scene.js'

/** 4^0 to 4^25 on each key: their sum is exact. */
const PER_KEY_MAX = 26
const RECENT_MAX = 8
/** In some rooms nodes remember only few operations. Drawn from afar: it changes nothing else. */
const FAR = 2 ** 20
const FEW_SHARE = 0.25
const FEW = 12
/** Which share of the calls asks for confirmations of others, by room. */
const CONCERN_SHARES = [0, 0.3, 1]
const BURST_SHARE = 0.04
const BURST_MAX = 130
export const MISS_EVENTS = 6
const MISS_PERCENTS = [30, 50]
/** Until those who fell out are linked again, mostly. */
const LINKED_MS_MAX = 6_000
const QUIET_MS_MAX = 4_000

interface Planned {
  readonly id: number
  readonly key: string
  readonly amount: number
}

/** Draws calls with an id: new ones, and retries of old ones on whichever nodes. */
export class OperationWork {
  readonly retryWindowMs: number
  readonly operationsMax: number | undefined
  readonly #share: number
  readonly #retryShare: number
  readonly #recent: Planned[] = []
  readonly #concernShare: number
  #next = 0
  #calls = 0
  #bursts = 0

  constructor(
    readonly stream: Stream,
    readonly scene: Scene,
  ) {
    this.retryWindowMs = stream.pick([300, 300, 1_000, 5_000, 60_000])
    this.operationsMax = stream.at(FAR) < FEW_SHARE ? FEW : undefined
    this.#concernShare = CONCERN_SHARES[Math.floor(stream.at(FAR + 1) * CONCERN_SHARES.length)] ?? 0
    this.#share = stream.pick([0.1, 0.3, 0.8])
    this.#retryShare = stream.pick([0.3, 0.6, 0.8])
  }

  /** What nodes of the room are told. */
  get options(): Pick<RoomSpec, 'retryWindowMs' | 'operationsMax'> {
    const { retryWindowMs, operationsMax } = this
    return { retryWindowMs, ...(operationsMax !== undefined && { operationsMax }) }
  }

  /** Plans a call, or a read of what others counted. Answers false where something else is to happen. */
  maybe(): boolean {
    const { stream, scene } = this
    if (!stream.chance(this.#share)) return false
    const nodes = scene.actors.map(({ name }) => name)
    const node = stream.pick(nodes)
    if (this.#bursts < 2 && stream.chance(BURST_SHARE)) {
      this.#burst(nodes, node)
      return true
    }
    if (stream.chance(0.25)) {
      scene.do({ verb: 'read', node, key: this.#recent.length > 0 ? stream.pick(this.#recent).key : keyOf(0) })
      return true
    }
    const retry = this.#recent.length > 0 && stream.chance(this.#retryShare)
    const planned = retry ? stream.pick(this.#recent) : this.#fresh()
    const everywhere = stream.chance(0.15)
    for (const name of everywhere ? nodes : [node]) this.#call(name, planned)
    return true
  }

  /** So many calls on one node, some of them tried on others as well, that logs are cleaned at their heads: who is away then misses
   *  all of it. And reads everywhere, also by those who catch up. */
  #burst(nodes: readonly string[], node: string): void {
    const { stream, scene } = this
    this.#bursts++
    const apartMs = scene.room.syncMs[1] * (0.3 + stream.next())
    for (let i = 50 + stream.int(BURST_MAX - 50); i > 0; i--) {
      scene.later(i * apartMs, () => {
        const planned = this.#fresh()
        this.#call(node, planned)
        if (stream.chance(0.3)) this.#call(stream.pick(nodes), planned)
        if (stream.chance(0.3)) scene.do({ verb: 'read', node: stream.pick(nodes), key: planned.key })
      })
      if (!stream.chance(0.3)) continue
      const readMs = (BURST_MAX * apartMs + this.retryWindowMs) * stream.next() ** 2
      const key = keyOf(Math.floor(this.#next / PER_KEY_MAX))
      scene.later(readMs, () => scene.do({ verb: 'read', node: stream.pick(nodes), key }))
    }
  }

  /** The last thing that happens: two nodes take an operation that neither knows of, some of what they say is not heard, and it stays
   *  quiet for so long that what is open settles by what arrived. */
  miss(stream: Stream): void {
    const { scene } = this
    const { up } = scene
    const at = stream.int(up.length)
    const [from, to] = [up[at]?.name, up[(at + 1 + stream.int(up.length - 1)) % up.length]?.name]
    if (from === undefined || to === undefined || from === to) return
    const planned = this.#fresh()
    const momentMs = () => stream.next() * scene.room.delayMs[1]
    scene.do({ verb: 'heal' })
    scene.pass(stream.next() * LINKED_MS_MAX)
    const percent = stream.pick(MISS_PERCENTS)
    scene.do({ verb: 'lose', from, to, percent })
    scene.do({ verb: 'lose', from: to, to: from, percent })
    const calls: Array<readonly [string, number]> = [from, to].map(node => [node, momentMs()])
    calls.sort(([, a], [, b]) => a - b)
    for (const [node, afterMs] of calls) scene.later(afterMs, () => this.#call(node, planned))
    scene.pass(scene.room.delayMs[1])
    scene.pass(stream.next() * QUIET_MS_MAX)
    scene.do({ verb: 'read', node: to, key: planned.key })
  }

  #call(node: string, planned: Planned): void {
    const { stream, scene } = this
    const place = FAR + 2 * ++this.#calls
    const concern = stream.at(place) < this.#concernShare
    const replicas = stream.at(place + 1) < 0.5 ? 2 : 'majority'
    scene.do({ verb: 'operate', node, ...planned, ...(concern && { replicas }) })
  }

  #fresh(): Planned {
    const id = this.#next++
    const key = keyOf(Math.floor(id / PER_KEY_MAX))
    const planned = { id, key, amount: 4 ** (id % PER_KEY_MAX) }
    this.#recent.push(planned)
    if (this.#recent.length > RECENT_MAX) this.#recent.shift()
    return planned
  }
}

function keyOf(index: number): string {
  return `op-${index}`
}
