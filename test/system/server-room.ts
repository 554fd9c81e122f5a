import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../cluster/free-port.js'
import { until } from '../cluster/until.js'
import { BALANCERS, type BalancerKind, BalancerProcess, installed } from './balancer-process.js'
import type { Ledger } from './ledger.js'
import { type NodePlan, NodeProcess } from './node-process.js'

/** The processes of one test on this machine: nodes, and a balancer before them. All gone after `remove`. */
export class ServerRoom {
  readonly dir = mkdtempSync(join(tmpdir(), 'tallymesh-system-'))
  /** More flags of every node. */
  flags: readonly string[] = []
  readonly #plans = new Map<string, NodePlan>()
  readonly #nodes: NodeProcess[] = []
  readonly #balancers: BalancerProcess[] = []

  /** Plans nodes that know one another, and starts them. Resolves once all are ready. */
  async startAll(...names: string[]): Promise<NodeProcess[]> {
    const ports: number[] = []
    for (const _ of names) ports.push(await freePort())
    for (const [i, name] of names.entries()) {
      const port = ports[i] as number
      this.#plans.set(name, { ...this.#base(name, port), peers: ports.filter(other => other !== port) })
    }
    const nodes = names.map(name => this.start(name))
    await Promise.all(nodes.map(node => node.ready()))
    return nodes
  }

  /** Starts a node as planned, or with changes for this once; a name that nobody planned is a node without peers. */
  start(name: string, changes: Partial<NodePlan> = {}): NodeProcess {
    const plan = this.#plans.get(name)
    if (!plan && changes.port === undefined) throw new Error(`${name} has no plan; give it a port`)
    const node = new NodeProcess({ ...(plan ?? this.#base(name, changes.port as number)), ...changes })
    this.#nodes.push(node)
    return node
  }

  /** Every balancer that is installed, each before all of these nodes. */
  async balanceAll(nodes: readonly { readonly port: number }[]): Promise<BalancerProcess[]> {
    return await Promise.all(BALANCERS.filter(installed).map(kind => this.balance(kind, nodes)))
  }

  async balance(kind: BalancerKind, nodes: readonly { readonly port: number }[]): Promise<BalancerProcess> {
    const ports = nodes.map(({ port }) => port)
    const balancer = await BalancerProcess.start(kind, join(this.dir, `${kind}-${this.#balancers.length}`), ports)
    this.#balancers.push(balancer)
    return balancer
  }

  /** Waits until all nodes show the same value of every key, and none contradicts the ledger. Answers the values. */
  async agreed(nodes: readonly NodeProcess[], ledger: Ledger): Promise<ReadonlyMap<string, number>> {
    const totals = new Map<string, number>()
    await until(`${nodes.map(({ name }) => name).join(', ')} to agree`, async () => {
      for (const key of ledger.keys) {
        const values = await Promise.all(nodes.map(node => node.value(key)))
        if (new Set(values).size > 1) return `${key} is ${values.join(', ')}`
        totals.set(key, values[0] as number)
      }
      return true
    })
    for (const [key, value] of totals) {
      const contradiction = ledger.contradiction(key, value)
      if (contradiction !== undefined) throw new Error(contradiction)
    }
    return totals
  }

  async remove(): Promise<void> {
    await Promise.all([...this.#balancers.map(each => each.close()), ...this.#nodes.map(node => node.kill())])
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 })
  }

  #base(name: string, port: number): NodePlan {
    const dirs = { dataDir: join(this.dir, name), runtimeDir: join(this.dir, 'run') }
    return { name, room: 'shop', port, ...dirs, peers: [], flags: this.flags }
  }
}

/** Runs a test in a room of its own, and clears up after it however it ends. */
export function inRoom(test: (room: ServerRoom) => Promise<void>): () => Promise<void> {
  return async () => {
    const room = new ServerRoom()
    try {
      await test(room)
    } finally {
      await room.remove()
    }
  }
}

/** Gives all tests of a suite one room, which is made before the first and removed after the last.
 *  @returns what was prepared in it */
export function shared<Prepared>(
  suite: { before(hook: () => Promise<void>): void; after(hook: () => Promise<void>): void },
  prepare: (room: ServerRoom) => Promise<Prepared>,
): () => Prepared {
  let room: ServerRoom | undefined
  let prepared: Prepared | undefined
  suite.before(async () => {
    room = new ServerRoom()
    prepared = await prepare(room)
  })
  suite.after(async () => {
    await room?.remove()
  })
  return () => {
    if (prepared === undefined) throw new Error('asked for before the tests began')
    return prepared
  }
}

/** Does the same for each balancer, side by side; ends once all have ended, with the first failure, which names its balancer. */
export async function forEach<Kind extends { readonly kind: BalancerKind }>(
  balancers: readonly Kind[],
  act: (balancer: Kind) => Promise<void>,
): Promise<void> {
  const ended = await Promise.allSettled(balancers.map(act))
  for (const [i, end] of ended.entries()) {
    if (end.status === 'fulfilled') continue
    throw new Error(`${balancers[i]?.kind}: ${String(end.reason)}`, { cause: end.reason })
  }
}
