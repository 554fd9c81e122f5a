import { storeId } from '@tallymesh/crdt'
import { SuiteNode } from '@tallymesh/link/suite'
import { drawsOf } from '../draw.js'
import { VirtualTime } from '../virtual-time.js'
import { SimNetwork, type Wire } from './sim-network.js'

/** A simulated network with a process that listens for each name, for tests. */
export class Staged {
  readonly time: VirtualTime
  readonly network: SimNetwork
  readonly nodes = new Map<string, SuiteNode>()

  constructor(
    names: string,
    readonly seed = 1,
    readonly delayMs: readonly [min: number, max: number] = [1, 5],
  ) {
    const draw = drawsOf(seed)
    this.time = new VirtualTime(draw)
    this.network = new SimNetwork({ time: this.time, draw, delayMs })
    for (const name of names.split(' ')) this.start(name)
  }

  /** Another process at this name; it answers what that hears. */
  start(name: string): SuiteNode {
    const digits = name.charCodeAt(0).toString(16).padStart(32, '0')
    const node = new SuiteNode(name, { instance: digits, store: storeId(digits), urls: [] })
    this.nodes.set(name, node)
    this.network.listen(url(name), name, wire(node))
    return node
  }

  of(name: string): SuiteNode {
    const node = this.nodes.get(name)
    if (node === undefined) throw new Error(`no node is called ${name}`)
    return node
  }

  dial(from: string, to: string): ReturnType<SimNetwork['dial']> {
    return this.network.dial(from, url(to), wire(this.of(from)))
  }

  /** Two nodes with a link between them. */
  link(from = 'a', to = 'b'): readonly [from: SuiteNode, to: SuiteNode] {
    this.dial(from, to)
    this.run(50)
    return [this.of(from), this.of(to)]
  }

  /** Lets so much time pass. */
  run(ms: number): void {
    const untilMs = this.time.nowMs + ms
    while (this.time.step(untilMs));
  }

  /** The first byte of each frame that a node got. */
  got(name: string): number[] {
    return this.of(name).frames.map(({ body }) => body[0] ?? -1)
  }
}

export function url(name: string): string {
  return `ws://${name}:1`
}

/** Sends one frame for each number, which is its only byte. */
export function send(node: SuiteNode, ...numbers: number[]): void {
  for (const number of numbers) node.link.send(16, Uint8Array.of(number))
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

function wire(node: SuiteNode): Wire {
  return { handshake: node, events: node, queueBytesMax: node.queueBytesMax }
}
