import { type CounterKey, counterKey, crc32, storeId } from '@tallymesh/crdt'
import type { Effect, LinkId } from '../src/index.js'
import { Prng } from './prng.js'
import { VirtualClock } from './virtual-clock.js'
import { VirtualDisk } from './virtual-disk.js'
import { type SendEffect, VirtualNode } from './virtual-node.js'

/** One connection: two link ids, one at each end. */
interface Connection {
  readonly ends: readonly [End, End]
  open: boolean
}

interface End {
  readonly node: VirtualNode
  readonly life: number
  readonly link: LinkId
  /** When the last frame to the other end arrives: frames of one direction keep their order. */
  arrivesMs: number
}

export interface RoomOptions {
  readonly seed?: number
  readonly heartbeatMs?: number
  readonly antiEntropyMs?: number
  readonly delayMs?: number
  readonly updateBytesMax?: number
  readonly foldAfterMs?: number
  readonly foldGraceMs?: number
  /** Reads each confirmed log back from the disk. */
  readonly deepChecks?: boolean
  /** Keeps a hash over all effects. */
  readonly hashes?: boolean
}

/** A room of nodes in virtual time. Everything in it is decided by its seed and by what the test does. */
export class RoomHarness {
  readonly prng: Prng
  readonly nodes: VirtualNode[] = []
  readonly heartbeatMs: number
  readonly antiEntropyMs: number
  readonly updateBytesMax: number
  readonly foldAfterMs: number | undefined
  readonly foldGraceMs: number | undefined
  readonly deepChecks: boolean
  delayMs: number
  /** Frames to lose: answers true for each that never arrives. */
  loses: (from: VirtualNode, to: VirtualNode, frame: SendEffect) => boolean = () => false
  /** Hash over all effects so far. */
  hash = 0
  frames = 0
  readonly #hashes: boolean
  readonly #cut = new Set<string>()
  #connections: Connection[] = []
  readonly #clock = new VirtualClock()
  #nextLink = 1

  constructor(options: RoomOptions = {}) {
    this.prng = new Prng(options.seed ?? 1)
    this.heartbeatMs = options.heartbeatMs ?? 1000
    this.antiEntropyMs = options.antiEntropyMs ?? 3000
    this.updateBytesMax = options.updateBytesMax ?? 32 * 1024
    this.foldAfterMs = options.foldAfterMs
    this.foldGraceMs = options.foldGraceMs
    this.delayMs = options.delayMs ?? 5
    this.deepChecks = options.deepChecks ?? true
    this.#hashes = options.hashes ?? false
  }

  get nowMs(): number {
    return this.#clock.nowMs
  }

  /** A node that is down still, on an empty disk or on the given one. */
  node(name: string, disk?: VirtualDisk, seeds: readonly string[] = []): VirtualNode {
    const store = disk ?? new VirtualDisk(storeId(this.prng.hex(32)))
    const node = new VirtualNode(this, name, store, seeds, new Prng(this.prng.int(2 ** 32)))
    this.nodes.push(node)
    return node
  }

  /** Starts one node for each name, all linked with each other. */
  start(...names: string[]): VirtualNode[] {
    const nodes = names.map(name => this.node(name))
    for (const node of nodes) node.start()
    this.run(4 * this.delayMs)
    return nodes
  }

  /** No link between these two until `heal`. */
  cut(a: VirtualNode, b: VirtualNode): void {
    this.#cut.add(pairOf(a, b))
    for (const { ends, open } of this.#connections) {
      if (open && ends.some(({ node }) => node === a) && ends.some(({ node }) => node === b)) this.#sever(ends, 0)
    }
  }

  /** Cuts every link between nodes of different groups. */
  partition(...groups: VirtualNode[][]): void {
    for (const [i, group] of groups.entries()) {
      for (const other of groups.slice(i + 1)) for (const a of group) for (const b of other) this.cut(a, b)
    }
  }

  heal(): void {
    this.#cut.clear()
    for (const node of this.nodes) if (node.up) this.#dialAll(node)
  }

  /** Drops the connections of these two once; they dial again. */
  drop(a: VirtualNode, b: VirtualNode): void {
    this.cut(a, b)
    this.#cut.delete(pairOf(a, b))
    this.#redial(a, b)
  }

  linked(a: VirtualNode, b: VirtualNode): boolean {
    return this.#connection(a, b) !== undefined
  }

  /** Opens another connection from `a` to `b`, as when both dial at once. */
  dial(a: VirtualNode, b: VirtualNode): void {
    if (!a.up || !b.up || this.#cut.has(pairOf(a, b))) return
    const end = (node: VirtualNode): End => ({ node, life: node.life, link: this.#nextLink++, arrivesMs: this.nowMs })
    const ends = [end(a), end(b)] as const
    const connection = { ends, open: true }
    const hellos = ends.map(({ node }) => identityOf(node)) as [Identity, Identity]
    this.#connections.push(connection)
    for (const side of [0, 1] as const) {
      const at = ends[side]
      this.#deliver(ends, at, () => {
        at.node.step({ type: 'open', link: at.link, peer: hellos[1 - side] as Identity, dialed: side === 0 })
      })
    }
  }

  /** Hands a frame to `node` as if its peer `from` had sent it. */
  inject(from: VirtualNode, node: VirtualNode, kind: number, body: Uint8Array): void {
    const ends = this.#connection(from, node)
    if (!ends) throw new Error(`${from.name} and ${node.name} are not linked`)
    const end = ends.find(({ node: other }) => other === node) as End
    node.step({ type: 'frame', link: end.link, kind, body })
  }

  after(delayMs: number, act: () => void): void {
    this.#clock.after(delayMs, act)
  }

  /** Lets virtual time pass. */
  run(durationMs: number): void {
    this.#clock.run(durationMs)
  }

  /** Lets time pass until `done`, and fails after `limitMs`. */
  until(what: string, done: () => boolean, limitMs = 120_000): void {
    const endMs = this.nowMs + limitMs
    while (!done()) {
      if (this.nowMs >= endMs) throw new Error(`after ${limitMs} ms still not: ${what}`)
      this.run(this.heartbeatMs / 4)
    }
  }

  /** Waits until all nodes that run hold the same, on their disks too. */
  converge(limitMs?: number): void {
    this.until('all nodes agree', () => this.agree(), limitMs)
  }

  agree(): boolean {
    const [first, ...others] = this.nodes.filter(({ up }) => up)
    if (!first?.live.settled) return false
    const logs = logsOf(first)
    return others.every(node => node.live.settled && logsOf(node) === logs && node.live.table.equals(first.live.table))
  }

  /** The one value that all running nodes read. */
  value(key: CounterKey): number {
    const values = new Set(this.nodes.filter(({ up }) => up).map(node => node.read(key)))
    if (values.size !== 1) throw new Error(`the nodes read ${[...values].join(', ')} of ${key}`)
    return [...values][0] as number
  }

  started(node: VirtualNode): void {
    this.#dialAll(node)
  }

  stopped(node: VirtualNode): void {
    for (const { ends, open } of this.#connections) {
      if (open && ends.some(end => end.node === node)) this.#sever(ends, this.delayMs)
    }
  }

  send(node: VirtualNode, frame: SendEffect): void {
    const connection = this.#connections.find(({ ends, open }) => open && ends.some(({ link }) => link === frame.link))
    if (!connection) return
    this.frames++
    const [from, to] = this.#sides(connection.ends, node, frame.link)
    if (this.loses(node, to.node, frame)) return
    const { kind, body } = frame
    this.#deliver(connection.ends, from, () => to.node.step({ type: 'frame', link: to.link, kind, body }), to)
  }

  close(node: VirtualNode, link: LinkId): void {
    const connection = this.#connections.find(({ ends, open }) => open && ends.some(end => end.link === link))
    if (!connection) return
    const [, to] = this.#sides(connection.ends, node, link)
    this.#sever(connection.ends, this.delayMs)
    this.#redial(node, to.node)
  }

  record(node: VirtualNode, effect: Effect): void {
    if (!this.#hashes) return
    const text = JSON.stringify(effect, (_, value) =>
      value instanceof Uint8Array ? crc32(value, 0, value.length) : value,
    )
    const bytes = new TextEncoder().encode(`${this.hash} ${this.nowMs} ${node.name} ${text}`)
    this.hash = crc32(bytes, 0, bytes.length)
  }

  #sides(ends: readonly [End, End], node: VirtualNode, link: LinkId): [End, End] {
    const [a, b] = ends
    return a.node === node && a.link === link ? [a, b] : [b, a]
  }

  /** Brings something from one end of a connection to the other, in order, if both still live then. */
  #deliver(ends: readonly [End, End], from: End, act: () => void, to: End = from): void {
    from.arrivesMs = Math.max(from.arrivesMs, this.nowMs + this.delayMs)
    this.after(from.arrivesMs - this.nowMs, () => {
      const open = this.#connections.some(connection => connection.ends === ends && connection.open)
      if (open && to.node.life === to.life) act()
    })
  }

  #sever(ends: readonly [End, End], delayMs: number): void {
    const connection = this.#connections.find(known => known.ends === ends)
    if (connection) connection.open = false
    this.#connections = this.#connections.filter(({ open }) => open)
    for (const { node, life, link } of ends) {
      this.after(delayMs, () => {
        if (node.life === life) node.step({ type: 'closed', link })
      })
    }
    const [a, b] = ends
    this.#redial(a.node, b.node)
  }

  #connection(a: VirtualNode, b: VirtualNode): readonly [End, End] | undefined {
    return this.#connections.find(
      ({ open, ends }) =>
        open && ends.some(({ node, life }) => node === a && life === a.life) && ends.some(({ node }) => node === b),
    )?.ends
  }

  #dialAll(node: VirtualNode): void {
    for (const other of this.nodes) if (other !== node && !this.#connection(node, other)) this.dial(node, other)
  }

  /** Dials again after a while, as a node's backoff does; a peer that is down or cut off is found when it is back. */
  #redial(a: VirtualNode, b: VirtualNode): void {
    this.after(100 + this.prng.int(400), () => {
      if (a.up && b.up && !this.#connection(a, b)) this.dial(a, b)
    })
  }
}

type Identity = ReturnType<typeof identityOf>

function identityOf(node: VirtualNode) {
  const { name, store, instance, url } = node
  return { name, store, instance, replica: node.live.commits.replica ?? (0 as const), urls: [url] }
}

/** The logs that a node holds, with their clocks; frozen ones differ for ever. */
function logsOf({ live }: VirtualNode): string {
  const sound = [...live.room.logs.values()].filter(({ id, clock }) => clock > 0 && !live.room.forked.has(id))
  return sound
    .map(({ id, clock, complete }) => `${id} ${clock} ${complete}`)
    .sort()
    .join()
}

function pairOf(a: VirtualNode, b: VirtualNode): string {
  return [a.name, b.name].sort().join(' ')
}

export const KEY = counterKey('orders')
