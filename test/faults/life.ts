import { CallError } from '../cluster/node-handle.js'
import type { Ledger } from './ledger.js'
import type { NodeUnderFault } from './node-under-fault.js'

/** Between two reads of one life. */
const PAUSE_MS = 25

/** One process of a node under load, from its opening to its end, and what was read on it meanwhile. */
export class Life {
  readonly #stopLoad: () => Promise<void>
  readonly #watching: Promise<void>
  #stopped = false
  #wrong: string | undefined
  reads = 0

  /** @param name of this life alone: nobody else counts on `<name>-plain` */
  constructor(
    readonly node: NodeUnderFault,
    readonly ledger: Ledger,
    readonly name: string,
  ) {
    this.#stopLoad = ledger.load(node, name)
    this.#watching = this.#watch()
  }

  /** Ends the load, or waits for the end of the process's. @throws Error what was read that cannot be */
  async end(): Promise<void> {
    this.#stopped = true
    await this.#stopLoad()
    await this.#watching
    if (this.#wrong !== undefined) throw new Error(`${this.name}: ${this.#wrong}`)
  }

  /** The node that acknowledged never shows less than that, nor more than it was asked for; and nothing that is only ever
   *  incremented falls while a process lives. */
  async #watch(): Promise<void> {
    const own = `${this.name}-plain`
    let before = { own: 0, shared: 0 }
    while (!this.#stopped && this.#wrong === undefined) {
      const { least } = this.ledger.bounds(own)
      const values = await this.#values(own)
      if (!values) return
      const { most } = this.ledger.bounds(own)
      if (values.own < least || values.own > most) this.#wrong = `${own} showed ${values.own}, not ${least} to ${most}`
      if (values.own < before.own) this.#wrong = `${own} fell from ${before.own} to ${values.own}`
      // Others count on it, too: what they sent is shown before it is on the disk here.
      if (values.shared < before.shared) this.#wrong = `shared fell from ${before.shared} to ${values.shared}`
      before = values
      this.reads++
      await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
    }
  }

  /** Undefined once the process has ended. */
  async #values(own: string): Promise<{ own: number; shared: number } | undefined> {
    try {
      return { own: await this.node.value(own), shared: await this.node.value('shared') }
    } catch (error) {
      if (!(error instanceof CallError) || error.code !== 'GONE') this.#wrong = String(error)
      return undefined
    }
  }
}
