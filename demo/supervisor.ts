import { join } from 'node:path'
import type { Guard } from './guard.js'
import type { Journal } from './journal.js'
import type { Partition } from './partition.js'
import { SupervisedNode } from './supervised-node.js'
import { until } from './until.js'

const PROBE_INTERVAL_MS = 200
const START_DEADLINE_MS = 20_000

export interface SupervisorOptions {
  /** Everything of the demo lies below this directory. */
  readonly directory: string
  readonly httpPorts: ReadonlyMap<string, number>
  readonly meshPorts: ReadonlyMap<string, number>
  readonly partition: Partition
  readonly journal: Journal
  readonly guard: Guard
}

/** Keeps all nodes running. */
export class Supervisor {
  readonly nodes: readonly SupervisedNode[]
  #prober: NodeJS.Timeout | undefined

  constructor(readonly options: SupervisorOptions) {
    const { directory, httpPorts, meshPorts, partition, journal, guard } = options
    const pidsChanged = () => {
      const pids = this.nodes.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
      guard.order({ type: 'watch', pids })
    }
    this.nodes = [...httpPorts].map(([name, httpPort]) => {
      const config = {
        name,
        dataDir: join(directory, name),
        // A directory of the demo's own, so that nothing stays in the machine's.
        runtimeDir: join(directory, 'runtime'),
        httpPort,
        meshPort: meshPorts.get(name) ?? 0,
        peers: partition.seedsOf(name),
      }
      return new SupervisedNode(config, join(directory, `${name}.log`), journal, pidsChanged)
    })
  }

  /** Starts all nodes; resolves once they are ready. @throws Error after a deadline */
  async start(signal: AbortSignal): Promise<void> {
    for (const node of this.nodes) node.start()
    this.#prober = setInterval(() => {
      for (const node of this.nodes) void node.probe()
    }, PROBE_INTERVAL_MS)
    await until(
      'all nodes to be ready',
      () => this.nodes.every(({ phase }) => phase === 'ready'),
      START_DEADLINE_MS,
      signal,
    )
  }

  /** Ends all nodes. @param graceMs how long they may take to close by themselves; 0: none */
  async stop(graceMs: number): Promise<void> {
    clearInterval(this.#prober)
    await Promise.all(this.nodes.map(node => node.stop(graceMs)))
  }
}
