import type { AddOptions } from 'tallymesh'
import { CallError } from '../cluster/node-handle.js'
import type { Seed } from './seed.js'

/** Codes after which nothing was counted, for certain. */
const REFUSED = new Set(['NOT_READY', 'NODE_CLOSED'])

export type Counters = ReadonlyArray<readonly [key: string, value: number]>

/** A node as far as it counts. */
export interface Counting {
  add(key: string, amount?: number, options?: AddOptions): Promise<void>
}

interface Claim {
  acknowledged: number
  /** Acknowledged, or perhaps counted. */
  attempted: number
}

/** What was asked of nodes, and what they answered, key by key: each total must lie between the two. */
export class Claims {
  readonly #claims = new Map<string, Claim>()
  acknowledgements = 0
  /** What a lane of load waits between two counts; without a wait it counts as fast as answers come. */
  pauseMs = 0

  /** Counts 1 and notes the answer. @returns the code of the refusal, if any */
  async add(node: Counting, key: string, options?: AddOptions): Promise<string | undefined> {
    const claim = this.#claim(key)
    claim.attempted++
    try {
      await node.add(key, 1, options)
      claim.acknowledged++
      this.acknowledgements++
      return undefined
    } catch (error) {
      const code = error instanceof CallError ? error.code : String(error)
      if (REFUSED.has(code)) claim.attempted--
      return code
    }
  }

  /** Notes counts of 1 on each key that were acknowledged together. */
  acknowledged(keys: readonly string[]): void {
    for (const key of keys) {
      const claim = this.#claim(key)
      claim.attempted++
      claim.acknowledged++
    }
  }

  /** Counts until `stop` or a lane's first refusal. Each lane has keys of its own and waits for each
   *  answer: so at most one count of a key is in doubt at the end, and one counted twice shows.
   *  @returns how to stop; resolves once everything is answered */
  load(node: Counting, keys: readonly string[], seed: Seed, options?: AddOptions, width = 16): () => Promise<void> {
    let stopped = false
    const lane = async (own: readonly string[]): Promise<void> => {
      while (!stopped && (await this.add(node, seed.pick(own), options)) === undefined) {
        if (this.pauseMs > 0) await new Promise(resolve => setTimeout(resolve, this.pauseMs))
      }
    }
    const lanes = Array.from({ length: Math.min(width, keys.length) }, (_, first) =>
      lane(keys.filter((_, i) => i % width === first)),
    )
    const all = Promise.all(lanes)
    return async () => {
      stopped = true
      await all
    }
  }

  /** What contradicts these claims in the counters that nobody else counts on; undefined where nothing does. */
  contradiction(counters: Counters): string | undefined {
    const values = new Map(counters)
    for (const [key, { acknowledged, attempted }] of this.#claims) {
      const value = values.get(key) ?? 0
      if (value < acknowledged || value > attempted) {
        return `${key} is ${value}, but ${acknowledged} were acknowledged and ${attempted} attempted`
      }
    }
    const stranger = counters.find(([key]) => !this.#claims.has(key))
    return stranger && `${stranger[0]} is ${stranger[1]}, and nobody counted it`
  }

  /** Takes what is there for what was counted: nothing is in doubt any more. To be called when no answer is awaited. */
  settle(counters: Counters): void {
    const values = new Map(counters)
    for (const [key, claim] of this.#claims) claim.acknowledged = claim.attempted = values.get(key) ?? 0
  }

  #claim(key: string): Claim {
    let claim = this.#claims.get(key)
    if (!claim) this.#claims.set(key, (claim = { acknowledged: 0, attempted: 0 }))
    return claim
  }
}
