import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeOptions } from 'tallymesh'
import { freePort } from './free-port.js'
import { NodeHandle } from './node-handle.js'
import { TcpProxy } from './tcp-proxy.js'
import { until } from './until.js'

/** The nodes of one test on this machine: their processes, ports and directories, all gone after `remove`. */
export class Cluster {
  readonly dir = mkdtempSync(join(tmpdir(), 'tallymesh-cluster-'))
  readonly runtimeDir = join(this.dir, 'run')
  readonly #plans = new Map<string, NodeOptions & { listen: { port: number } }>()
  readonly #handles: NodeHandle[] = []
  readonly #proxies: TcpProxy[] = []

  /** Starts a node, or starts it again as it was. At first it gets a port, a directory, and as peers
   *  the nodes before it.
   *  @param changes options that differ, kept for later starts */
  async start(name: string, changes: Partial<NodeOptions> = {}): Promise<NodeHandle> {
    const options = { ...(await this.plan(name)), ...changes }
    this.#plans.set(name, options as NodeOptions & { listen: { port: number } })
    const handle = await NodeHandle.start(options)
    this.#handles.push(handle)
    return handle
  }

  /** Starts several, one after the other, and waits until each has a link to each. */
  async startAll(...names: string[]): Promise<NodeHandle[]> {
    const handles: NodeHandle[] = []
    for (const name of names) handles.push(await this.start(name))
    await Promise.all(handles.map(handle => handle.linked(names.length - 1)))
    return handles
  }

  /** The options with which a node starts. */
  async plan(name: string): Promise<NodeOptions & { listen: { port: number } }> {
    const known = this.#plans.get(name)
    if (known) return known
    const plan = {
      name,
      room: 'shop',
      dataDir: join(this.dir, name),
      runtimeDir: this.runtimeDir,
      listen: { port: await freePort() },
      peers: [...this.#plans.values()].map(({ listen }) => `ws://127.0.0.1:${listen.port}/`),
    }
    this.#plans.set(name, plan)
    return plan
  }

  /** Puts a proxy before a node's port; let the node advertise its URL. */
  async proxy(name: string): Promise<TcpProxy> {
    const { listen } = await this.plan(name)
    const proxy = await TcpProxy.open(listen.port)
    this.#proxies.push(proxy)
    return proxy
  }

  dataDir(name: string): string {
    return join(this.dir, name)
  }

  /** Copies a data directory, as a backup or as the start of a clone. */
  copy(from: string, to: string): void {
    rmSync(this.dataDir(to), { recursive: true, force: true })
    cpSync(this.dataDir(from), this.dataDir(to), { recursive: true })
  }

  /** Loses a node's disk. */
  wipe(name: string): void {
    rmSync(this.dataDir(name), { recursive: true, force: true })
  }

  /** Ends what still runs and removes what is on disk. */
  async remove(): Promise<void> {
    await Promise.all(this.#handles.map(handle => handle.kill()))
    await Promise.all(this.#proxies.map(proxy => proxy.close()))
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Runs a test in a cluster of its own, and clears up after it however it ends. */
export function inCluster(test: (cluster: Cluster) => Promise<void>): () => Promise<void> {
  return async () => {
    const cluster = new Cluster()
    try {
      await test(cluster)
    } finally {
      await cluster.remove()
    }
  }
}

/** Waits until every node shows this value. */
export async function allShow(nodes: readonly NodeHandle[], key: string, value: number): Promise<void> {
  await until(`${key} = ${value} on ${nodes.map(({ name }) => name).join(', ')}`, async () => {
    const values = await Promise.all(nodes.map(node => node.value(key)))
    return values.every(found => found === value) || values.join(' ')
  })
}
