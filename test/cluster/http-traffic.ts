/** Clients that count over HTTP through a load balancer, and remember what they were answered. */
export class HttpTraffic {
  readonly #url: string
  /** Answered with success. */
  acknowledged = 0
  /** Sent, and answered by an error or not at all: each may be counted. */
  indeterminate = 0
  /** How many each node acknowledged, and the largest value that it answered: what its peers had sent it by then is in
   *  that, durable there or not. */
  readonly byNode = new Map<string, { acknowledged: number; value: number }>()
  #stopped = false
  readonly #lanes: Array<Promise<void>> = []

  constructor(port: number, key: string) {
    this.#url = `http://127.0.0.1:${port}/count/${encodeURIComponent(key)}`
  }

  start(clients: number): void {
    for (let i = 0; i < clients; i++) this.#lanes.push(this.#lane())
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#lanes)
  }

  /** Counts once. */
  async count(): Promise<void> {
    try {
      const response = await fetch(this.#url, { method: 'POST' })
      const { node, value } = (await response.json()) as { node: string; value: number }
      if (!response.ok) throw new Error(`status ${response.status}`)
      this.acknowledged++
      const known = this.byNode.get(node) ?? { acknowledged: 0, value: 0 }
      this.byNode.set(node, { acknowledged: known.acknowledged + 1, value: Math.max(value, known.value) })
    } catch {
      this.indeterminate++
    }
  }

  /** Reads the value; undefined where nobody answers. */
  async read(): Promise<{ node: string; value: number } | undefined> {
    try {
      const response = await fetch(this.#url)
      return response.ok ? ((await response.json()) as { node: string; value: number }) : undefined
    } catch {
      return undefined
    }
  }

  async #lane(): Promise<void> {
    while (!this.#stopped) await this.count()
  }
}
