import type { NodeOptions } from 'tallymesh'
import { type Launch, NodeHandle } from '../cluster/node-handle.js'
import { until } from '../cluster/until.js'

/** A process for one node that does nothing before it is told to open: a fault can be laid first. What it prints is kept: it says
 *  why the process ended by itself, if it did. */
export class NodeUnderFault extends NodeHandle {
  constructor(options: NodeOptions, launch: Launch = {}) {
    super(options, { execArgv: [], keepsPrinted: true, ...launch })
  }

  /** Starts a process and opens the node in it. @throws CallError what `openNode` refused; the process is gone then */
  static override async start(options: NodeOptions, launch?: Launch): Promise<NodeUnderFault> {
    const node = new NodeUnderFault(options, launch)
    try {
      await node.open()
      return node
    } catch (error) {
      await node.kill()
      throw error
    }
  }

  /** @throws CallError what `openNode` refused; the process stays, and may open again */
  async open(): Promise<void> {
    await this.call('open', this.options)
  }

  /** Waits until it may count. */
  async ready(): Promise<void> {
    await until(`${this.name} to be ready`, async () => {
      const status = await this.call('status')
      return status === 'ready' || `${status} ${this.codes}`
    })
  }

  /** The codes of what it reported, each once. */
  get codes(): string {
    return [...new Set(this.errors.map(({ code }) => code))].join(' ')
  }
}
