import type { ServedNode } from './served-room.js'

const PAUSE_MS = 20

/** Steady traffic of every kind on the nodes that are up, good requests and bad ones, until it is stopped. */
export class Traffic {
  #stopped = false
  readonly #watching = new AbortController()
  readonly #done: Promise<unknown>

  constructor(readonly nodes: readonly ServedNode[]) {
    this.#done = Promise.all([this.#count(), ...nodes.map(node => this.#watch(node))])
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#watching.abort()
    await this.#done
  }

  async #count(): Promise<void> {
    for (let turn = 0; !this.#stopped; turn++) {
      for (const node of this.nodes) await this.#ask(node, turn).catch(() => {})
      await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
    }
  }

  async #ask(node: ServedNode, turn: number): Promise<void> {
    await node.add(`visits{page="p${turn % 7}"}`, turn % 3 === 0 ? -1 : 2)
    if (turn % 5 === 0) await node.add('visits', 1, { replicas: 'majority' })
    if (turn % 10 === 0) await node.add('visits', 1, { token: 'nobody' })
    if (turn % 10 === 5) await node.add('', 0)
    await node.get('/v1/counters?prefix=visits')
  }

  async #watch(node: ServedNode): Promise<void> {
    const headers = { authorization: 'Bearer app-secret' }
    const { signal } = this.#watching
    try {
      const response = await fetch(`${node.url}/v1/counters/visits/watch`, { headers, signal })
      for await (const _ of response.body ?? []) if (this.#stopped) return
    } catch {
      // The node was killed, or this was stopped.
    }
  }
}
