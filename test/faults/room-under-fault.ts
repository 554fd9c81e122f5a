import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeOptions } from 'tallymesh'
import { freePort } from '../cluster/free-port.js'
import type { Launch } from '../cluster/node-handle.js'
import { NodeUnderFault } from './node-under-fault.js'

/** The nodes of one test on loopback: their processes, ports and directories, all gone after `remove`. */
export class RoomUnderFault {
  readonly dir = mkdtempSync(join(tmpdir(), 'tallymesh-faults-'))
  readonly #plans = new Map<string, NodeOptions & { listen: { port: number } }>()
  readonly #last = new Map<string, NodeUnderFault>()
  readonly #clearing: Array<() => void> = []

  /** The options of a node: at first a port, a directory, and as peers all nodes that were planned before.
   *  @param changes options that differ, kept for later starts */
  async plan(name: string, changes: Partial<NodeOptions> = {}): Promise<NodeOptions & { listen: { port: number } }> {
    const peers = [...this.#plans].filter(([other]) => other !== name).map(([, { listen }]) => listen.port)
    const plan = this.#plans.get(name) ?? {
      name,
      room: 'shop',
      dataDir: join(this.dir, name),
      runtimeDir: join(this.dir, 'run'),
      listen: { port: await freePort() },
      peers: peers.map(port => `ws://127.0.0.1:${port}/`),
    }
    const changed = { ...plan, ...changes } as NodeOptions & { listen: { port: number } }
    this.#plans.set(name, changed)
    return changed
  }

  /** A process for a node, which is not open yet. */
  async launch(name: string, launch?: Launch): Promise<NodeUnderFault> {
    const node = new NodeUnderFault(await this.plan(name), launch)
    this.#last.set(name, node)
    return node
  }

  /** Starts a node, or starts it again as it was. @throws CallError what it refused */
  async start(name: string, launch?: Launch): Promise<NodeUnderFault> {
    const node = await this.launch(name, launch)
    await node.open()
    return node
  }

  /** Starts a node that does not listen. @throws CallError what it refused */
  async dialer(options: NodeOptions, launch?: Launch): Promise<NodeUnderFault> {
    const node = new NodeUnderFault(options, launch)
    this.#last.set(options.name, node)
    await node.open()
    return node
  }

  /** The last process of each node. */
  get nodes(): NodeUnderFault[] {
    return [...this.#last.values()]
  }

  node(name: string): NodeUnderFault {
    const node = this.#last.get(name)
    if (!node) throw new Error(`${name} was never started`)
    return node
  }

  /** A directory within the room's, made. */
  subdirectory(name: string): string {
    const path = join(this.dir, name)
    mkdirSync(path, { recursive: true })
    return path
  }

  /** Has `clear` run at the end, once all processes are gone and before the directory is removed; the last comes first. */
  clears(clear: () => void): void {
    this.#clearing.unshift(clear)
  }

  /** Ends what still runs and removes what is on disk. */
  async remove(): Promise<void> {
    await Promise.all(this.nodes.map(node => node.kill()))
    for (const clear of this.#clearing.splice(0)) clear()
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Runs a test in a room of its own, and clears up after it however it ends. */
export function inRoom(test: (room: RoomUnderFault) => Promise<void>): () => Promise<void> {
  return async () => {
    const room = new RoomUnderFault()
    try {
      await test(room)
    } finally {
      await room.remove()
    }
  }
}
