import { cpSync, readFileSync } from 'node:fs'
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

  /** Copies its data directory and witnesses as they are now, while the process stands still: so a kill at this moment would leave
   *  them.
   *  @param to paths that do not exist */
  async copyAsKilled(to: { readonly dataDir: string; readonly runtimeDir: string }): Promise<void> {
    const { dataDir, runtimeDir } = this.options
    this.pause()
    try {
      await until(`${this.name} to stand still`, () =>
        /^\d+ \(.*\) T /s.test(readFileSync(`/proc/${this.pid}/stat`, 'utf8')),
      )
      cpSync(dataDir, to.dataDir, { recursive: true })
      cpSync(String(runtimeDir), to.runtimeDir, { recursive: true })
    } finally {
      this.resume()
    }
  }

  /** Closes the node; the process stays, and opens other options next. */
  async closeFor(options: NodeOptions): Promise<void> {
    await this.call('close')
    this.options = options
    this.errors.length = 0
    this.statuses.length = 0
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
