import { setImmediate as nextTurn } from 'node:timers/promises'
import { CallError, type NodeHandle } from './node-handle.js'
import { until } from './until.js'

/** Codes after which nothing was counted, for certain. */
const REFUSED = new Set(['NOT_READY', 'COUNTER_OVERFLOW', 'INVALID_AMOUNT', 'INVALID_NAME', 'INVALID_OPTION'])

interface Sum {
  acknowledged: number
  /** What was asked for and neither acknowledged nor refused: it may be counted. */
  open: number
}

/** What a test counted, as the callers know it: the lower and the upper bound of every total. */
export class Tally {
  readonly #sums = new Map<string, Sum>()
  /** What was asked for since the start, in calls. */
  attempts = 0
  acknowledgements = 0

  /** Counts and notes how it ended. Never rejects: a node may be killed at any time. */
  async add(node: NodeHandle, key: string, amount = 1): Promise<void> {
    const sum = this.#sums.get(key) ?? { acknowledged: 0, open: 0 }
    this.#sums.set(key, sum)
    sum.open += amount
    this.attempts++
    try {
      await node.add(key, amount)
      sum.open -= amount
      sum.acknowledged += amount
      this.acknowledgements++
    } catch (error) {
      if (error instanceof CallError && REFUSED.has(error.code)) sum.open -= amount
      // One that was killed refuses at once, and that it is gone is told in another turn: without one nobody would ever hear it.
      await nextTurn()
    }
  }

  /** Counts as fast as answers come, on some keys, until `stop` or the end of the process.
   *  @returns how to stop; resolves when all is settled */
  load(node: NodeHandle, keys: readonly string[], width = 8): () => Promise<void> {
    let stopped = false
    const lane = async (first: number): Promise<void> => {
      for (let i = first; !stopped && !node.gone; i += width)
        await this.add(node, keys[i % keys.length] as string, 1 + (i % 3))
    }
    const lanes = Promise.all(Array.from({ length: width }, (_, i) => lane(i)))
    return async () => {
      stopped = true
      await lanes
    }
  }

  /** What contradicts this tally in a node's counters; undefined where nothing does. */
  contradiction(counters: ReadonlyArray<readonly [string, number]>): string | undefined {
    const values = new Map(counters)
    for (const [key, { acknowledged, open }] of this.#sums) {
      const value = values.get(key) ?? 0
      if (value < acknowledged || value > acknowledged + open) {
        return `${key} is ${value}, not ${acknowledged} to ${acknowledged + open}`
      }
    }
    for (const [key] of counters) if (!this.#sums.has(key)) return `${key} was never counted`
    return undefined
  }

  /** Waits until all nodes show the same, within the bounds. */
  async agreed(nodes: readonly NodeHandle[]): Promise<void> {
    await until(`${nodes.map(({ name }) => name).join(', ')} to agree`, async () => {
      const views = await Promise.all(nodes.map(node => node.call('counters')))
      const texts = new Set(views.map(view => JSON.stringify(view)))
      if (texts.size > 1) return `they differ: ${[...texts].map(text => text.slice(0, 300)).join(' / ')}`
      return this.contradiction(views[0] ?? []) ?? true
    })
  }
}
