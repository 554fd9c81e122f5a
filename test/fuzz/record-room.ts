import { counterKey, operationId, storeId } from '@tallymesh/crdt'
import { encodeHello, type Frame, type Hello, type Link, MemoryNetwork, PROTOCOL_VERSION } from '@tallymesh/link'
import { type Effect, type Input, Replica } from '@tallymesh/replica'
import { Prng } from './prng.js'

const HEARTBEAT_MS = 1_000
const FRAME_BYTES_MAX = 400
const FRAMES_OF_A_KIND_MAX = 14

/** A node whose disk is durable at once, on links in memory. */
class RecordedNode {
  readonly replica: Replica
  readonly hello: () => Hello
  readonly #links = new Map<number, Link>()
  readonly #numbers = new Map<Link, number>()

  constructor(
    readonly name: string,
    readonly network: MemoryNetwork,
    readonly seen: (frame: Frame) => void,
  ) {
    const prng = Prng.of(1, name, 0)
    const hex = () => storeId(Buffer.from(prng.bytes(16)).toString('hex'))
    const [store, instance] = [hex(), hex()]
    const urls = [`ws://${name}:7001/`]
    this.replica = new Replica({
      ...{ name, store, instance, urls, seeds: [], random: prng.next, lastNumber: 0 },
      ...{ heartbeatMs: HEARTBEAT_MS, antiEntropyMs: HEARTBEAT_MS, updateBytesMax: 300 },
    })
    this.replica.start(undefined)
    this.hello = () => {
      const replica = this.replica.commits.replica ?? 0
      return { version: PROTOCOL_VERSION, room: 'shop', name, store, instance, replica, urls }
    }
    network.join(name, {
      handshake: { hello: this.hello, admit: () => undefined },
      events: {
        open: link => this.#opened(link),
        frame: (link, kind, body) => {
          seen({ kind, body: body.slice() })
          this.step({ type: 'frame', link: this.#numbers.get(link) as number, kind, body })
        },
        closed: link => this.step({ type: 'closed', link: this.#numbers.get(link) as number }),
        refused: reason => {
          throw reason
        },
      },
    })
  }

  count(name: string, amount: number): void {
    const { commits } = this.replica
    const cell = commits.cell(counterKey(name, { node: this.name }))
    if (amount > 0) commits.increment(cell, amount)
    else commits.decrement(cell, -amount)
    this.step({ type: 'flush' })
  }

  /** Counts with an id, the same for all nodes: where this node may not yet, it asks. */
  operate(amount: number): void {
    const { operations } = this.replica
    const id = operationId(amount.toString(16).padStart(32, '0'))
    if (operations.admitted()) operations.take(id, [{ key: counterKey('paid'), p: amount, n: 0 }], 0)
    this.step({ type: 'flush' })
  }

  step(input: Input): void {
    for (const effect of this.replica.step(input)) this.#carryOut(effect)
    if (this.replica.wantsFlush) this.step({ type: 'flush' })
  }

  #opened(link: Link): void {
    const number = this.#numbers.size + 1
    this.#numbers.set(link, number)
    this.#links.set(number, link)
    this.step({ type: 'open', link: number, peer: link.peer, dialed: link.dialed !== undefined })
  }

  #carryOut(effect: Effect): void {
    if (effect.type === 'persist') this.step({ type: 'persisted' })
    else if (effect.type === 'send') this.#links.get(effect.link)?.send(effect.kind, effect.body)
    else if (effect.type === 'close') this.#links.get(effect.link)?.close(effect.reason)
    else if (effect.type === 'report') throw effect.error
  }
}

/** Runs a room of three real replicas on links in memory and answers what they said: some frames of every kind. */
export function recordRoom(): Frame[] {
  const frames: Frame[] = []
  const network = new MemoryNetwork()
  const seen = (frame: Frame) => frames.push(frame)
  const nodes = ['a', 'b', 'c'].map(name => new RecordedNode(name, network, seen)) as [
    RecordedNode,
    RecordedNode,
    RecordedNode,
  ]
  const [a, b, c] = nodes
  let nowMs = 0
  const settle = () => {
    network.deliverAll()
    for (let beat = 0; beat < 4; beat++) {
      nowMs += HEARTBEAT_MS / 2
      for (const node of nodes) node.step({ type: 'tick', nowMs })
      network.deliverAll()
    }
  }
  for (let round = 0; round < 90; round++) a.count('orders', 1 + (round % 3))
  b.count('visits', 2)
  network.connect('a', 'b')
  settle()
  b.count('visits', -1)
  settle()
  for (const peer of ['a', 'b']) network.connect('c', peer)
  settle()
  c.count('refunds', 7)
  a.count('orders', 2 ** 40)
  settle()
  for (const node of nodes) node.operate(1)
  settle()
  for (const node of [a, b, a]) node.operate(2)
  settle()
  c.replica.step({ type: 'remove', store: storeId('f'.repeat(32)) })
  c.step({ type: 'flush' })
  settle()
  frames.push(...nodes.map(node => ({ kind: 1, body: encodeHello(node.hello()) })))
  return varied(frames)
}

/** A few frames of each kind, the first and the last of them, no two the same. */
function varied(frames: readonly Frame[]): Frame[] {
  const kinds = new Map<number, Map<string, Frame>>()
  for (const frame of frames) {
    if (frame.body.length > FRAME_BYTES_MAX) continue
    const kind = kinds.get(frame.kind) ?? new Map<string, Frame>()
    kinds.set(frame.kind, kind.set(Buffer.from(frame.body).toString('hex'), frame))
  }
  const chosen = [...kinds]
    .sort(([one], [other]) => one - other)
    .flatMap(([, found]) => {
      const all = [...found.values()]
      const half = FRAMES_OF_A_KIND_MAX / 2
      return all.length <= FRAMES_OF_A_KIND_MAX ? all : [...all.slice(0, half), ...all.slice(-half)]
    })
  return chosen
}
