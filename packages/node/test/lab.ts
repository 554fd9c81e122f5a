import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TallymeshError } from '@tallymesh/crdt'
import { MemoryDisk, MemoryStore, openWitness, type Store, type Witness } from '@tallymesh/store'
import { Lifecycle } from '../src/lifecycle.js'
import { TallymeshNode } from '../src/node.js'
import { openNode } from '../src/open-node.js'
import { checkOptions, type Internals, type NodeOptions } from '../src/options.js'
import { cryptoRandom } from '../src/random.js'
import { turn, until } from './wait.js'

export type LabOptions = Partial<NodeOptions> & { readonly internals?: Internals }

/** What a node told of itself. */
export interface Told {
  readonly errors: TallymeshError[]
  readonly states: string[]
  readonly peers: string[]
}

/** Nodes and directories of one test. */
export class Lab {
  readonly path = mkdtempSync(join(tmpdir(), 'tallymesh-node-'))
  readonly nodes: TallymeshNode[] = []
  readonly #told = new Map<TallymeshNode, Told>()

  dir(name: string): string {
    return join(this.path, name)
  }

  options(name: string, options: LabOptions = {}): NodeOptions {
    const { path } = this
    return {
      ...{ name, dataDir: join(path, name), runtimeDir: join(path, 'run'), room: 'lab' },
      ...{ heartbeatMs: 40, antiEntropyMs: 100, closeTimeoutMs: 1_000 },
      ...options,
    }
  }

  /** A node on LevelDB that listens on a free port. */
  async open(name: string, options: LabOptions = {}): Promise<TallymeshNode> {
    return this.#watch(await openNode(this.options(name, { listen: { port: 0 }, ...options })))
  }

  /** A node on a store in memory, whose writes can be held or failed. */
  async memory(name: string, options: LabOptions = {}, disk = new MemoryDisk()): Promise<TallymeshNode> {
    return this.on(new MemoryStore({ room: options.room ?? 'lab', random: cryptoRandom, disk }), name, options)
  }

  /** A node on any store, without a witness unless one is given. */
  async on(store: Store, name: string, options: LabOptions = {}, witness?: Witness): Promise<TallymeshNode> {
    const kept = witness ?? (await openWitness({ store: store.id, runtimeDir: false }))
    const { internals, ...open } = options
    const settings = checkOptions(this.options(name, { runtimeDir: false, ...open }))
    const node = new TallymeshNode(new Lifecycle({ ...settings, ...internals }, store, kept))
    this.#watch(node)
    await node.start()
    return node
  }

  told(node: TallymeshNode): Told {
    return this.#told.get(node) as Told
  }

  codes(node: TallymeshNode): string[] {
    return this.told(node).errors.map(({ code }) => code)
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map(node => node.close()))
    rmSync(this.path, { recursive: true, force: true })
  }

  #watch(node: TallymeshNode): TallymeshNode {
    const told: Told = { errors: [], states: [], peers: [] }
    node.on('error', error => told.errors.push(error))
    node.on('status', status => told.states.push(status))
    node.on('peer', ({ name, state }) => told.peers.push(`${name} ${state}`))
    this.#told.set(node, told)
    this.nodes.push(node)
    return node
  }
}

/** Runs a test with a lab of its own, and fails it where a rejection was left unhandled. */
export function inLab(run: (lab: Lab) => Promise<void>): () => Promise<void> {
  return async () => {
    const lab = new Lab()
    const unhandled: unknown[] = []
    const note = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', note)
    try {
      await run(lab)
    } finally {
      await lab.close()
      await turn()
      process.off('unhandledRejection', note)
    }
    if (unhandled.length > 0) throw new Error(`a rejection was not handled: ${String(unhandled[0])}`)
  }
}

/** Waits until every node is linked with every other one. */
export async function meshed(...nodes: TallymeshNode[]): Promise<void> {
  await until(`${nodes.map(({ name }) => name).join(', ')} are a full mesh`, () =>
    nodes.every(node => node.stats.links === nodes.length - 1 && node.members().every(({ state }) => state === 'up')),
  )
}

/** Waits until a counter has a value on every node. */
export async function agreed(nodes: readonly TallymeshNode[], key: string, value: number): Promise<void> {
  await until(`${key} is ${value} on ${nodes.map(({ name }) => name).join(', ')}`, () =>
    nodes.every(node => node.counterByKey(key).value === value),
  )
}

/** A gate for a memory disk: writes wait until it is opened. */
export class Gate {
  #held: (() => void)[] = []
  #shut = false

  constructor(disk: MemoryDisk) {
    disk.sync = () => (this.#shut ? new Promise(resolve => this.#held.push(resolve)) : Promise.resolve())
  }

  get waiting(): number {
    return this.#held.length
  }

  shut(): void {
    this.#shut = true
  }

  /** Lets one write through. */
  step(): void {
    this.#held.shift()?.()
  }

  open(): void {
    this.#shut = false
    for (const go of this.#held.splice(0)) go()
  }
}
