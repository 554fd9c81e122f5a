import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { askPeers, NO_VERDICTS, type PeerVerdicts } from './peer-verdicts.js'
import { SupervisedNode } from './supervised-node.js'
import type { SupervisorEvent } from './supervisor-event.js'
import { DEFAULT_LIMITS, type NodeSpec, type NodeTies, type SupervisorOptions } from './supervisor-options.js'
import { until } from './until.js'

/** The program of `tallymesh`, beside `dist/`. */
const PROGRAM = fileURLToPath(new URL('../../../bin/tallymesh.js', import.meta.url))
const VERDICT_TIMEOUT_MS = 500
const TICK_MS = 50

/** Runs nodes and keeps them running. Emits `event` for everything that it sees and does. */
export class Supervisor extends EventEmitter<{ event: [SupervisorEvent] }> {
  readonly nodes: readonly SupervisedNode[]
  readonly options: SupervisorOptions
  readonly #limits
  #prober: NodeJS.Timeout | undefined
  #rolling = false
  #stopping = false

  constructor(options: SupervisorOptions) {
    super()
    this.options = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.nodes = options.nodes.map(spec => new SupervisedNode(spec, this.#ties(spec)))
  }

  /** @throws RangeError for a name that it does not run */
  node(name: string): SupervisedNode {
    const found = this.nodes.find(node => node.name === name)
    if (!found) throw new RangeError(`there is no node called ${name}`)
    return found
  }

  get givenUp(): readonly SupervisedNode[] {
    return this.nodes.filter(({ phase }) => phase === 'given up')
  }

  /** Whether a rolling restart is under way. */
  get rolling(): boolean {
    return this.#rolling
  }

  /** Starts all nodes, and watches them from then on. */
  start(): void {
    for (const node of this.nodes) node.start()
    this.#prober = setInterval(() => {
      for (const node of this.nodes) node.tick()
    }, TICK_MS)
  }

  /** Resolves once every node is ready or given up. @throws Error after the deadline, AbortError when `signal` aborts */
  async settled(deadlineMs: number, signal?: AbortSignal): Promise<void> {
    const settled = () => this.nodes.every(({ phase }) => phase === 'ready' || phase === 'given up')
    await until('all nodes to be ready', settled, deadlineMs, signal)
  }

  /** Drains and restarts one node after another, and waits for each to be ready before the next.
   *  @param graceMs how long a node may take to drain and end
   *  @param deadlineMs how long it may take to be ready again
   *  @throws Error where a node is given up or not ready in time, the rest is left as it is; where one is under way; AbortError */
  async rollingRestart(graceMs: number, deadlineMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#rolling) throw new Error('a rolling restart is under way already')
    this.#rolling = true
    try {
      for (const node of this.nodes.filter(({ phase }) => phase !== 'given up')) {
        await this.settled(deadlineMs, signal)
        const { generation } = node
        await node.replace(graceMs)
        const back = () => {
          if (node.phase === 'given up') throw new Error(`${node.name} is given up`)
          return node.generation > generation && node.phase === 'ready'
        }
        await until(`${node.name} to be ready again`, back, deadlineMs, signal)
      }
    } finally {
      this.#rolling = false
    }
  }

  /** Ends all nodes together. Called a second time with 0, it ends at once those that are still ending.
   *  @param graceMs how long they may take to drain and close by themselves; 0: none */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    clearInterval(this.#prober)
    await Promise.all(this.nodes.map(node => node.stop(graceMs)))
  }

  #ties(spec: NodeSpec): NodeTies {
    const { guard, logDir, command = startCommand, random = Math.random } = this.options
    return {
      limits: this.#limits,
      guard,
      random,
      command,
      logFile: ({ name }) => join(logDir, `${name}.log`),
      report: news => this.emit('event', { ...news, atMs: Date.now(), node: spec.name }),
      askPeers: () => this.#askPeersOf(spec.name),
    }
  }

  async #askPeersOf(name: string): Promise<PeerVerdicts> {
    if (this.#stopping) return NO_VERDICTS
    const others = this.nodes.filter(
      node => node.name !== name && (node.phase === 'ready' || node.phase === 'not ready'),
    )
    const { token } = this.options
    return await askPeers(
      name,
      others.map(({ spec: { host, port } }) => ({ host, port, token })),
      VERDICT_TIMEOUT_MS,
    )
  }
}

/** How a node is started: `tallymesh start` with its own flags. */
export function startCommand({ name, host, port, dataDir, peers, flags = [] }: NodeSpec): string[] {
  const own = ['--name', name, '--data', dataDir, '--listen', `${host}:${port}`]
  return [process.execPath, PROGRAM, 'start', ...own, ...peers.flatMap(peer => ['--peer', peer]), ...flags]
}
