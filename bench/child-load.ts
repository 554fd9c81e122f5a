import {
  type IntervalHistogram,
  monitorEventLoopDelay,
  type PerformanceEntry,
  PerformanceObserver,
} from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { ClassicLevel } from 'classic-level'
import type { Counter, TallymeshNode } from 'tallymesh'
import { counterName } from './counter-name.js'
import { SteadyLoad } from './steady-load.js'

const COUNT_COMMIT = 2_000
const EXPORT_PART = 500
const RESOLUTION_MS = 1

/** Counts each of so many counters once, in commits of some thousand, durably. */
export async function countAll(node: TallymeshNode, keys: number): Promise<void> {
  let durable: Promise<void> | undefined
  for (let i = 0; i < keys; i++) {
    durable = node.counter(counterName(i)).increment()
    if (i % COUNT_COMMIT === COUNT_COMMIT - 1) await durable
  }
  await durable
}

/** Counts on counters at random, steadily, without awaiting; where no node is open, adds to properties of plain objects. */
export function startLoad(node: TallymeshNode | undefined, perSecond: number, keys: number): SteadyLoad {
  if (!node) {
    const plain = Array.from({ length: keys }, () => ({ value: 0 }))
    return new SteadyLoad(perSecond, keys, key => {
      const object = plain[key]
      if (object) object.value += 1
    })
  }
  const counters: Array<Counter | undefined> = Array.from({ length: keys })
  return new SteadyLoad(perSecond, keys, key => {
    counters[key] ??= node.counter(counterName(key))
    counters[key]?.increment()
  })
}

/** Reads a snapshot of all slots, some in each turn, as a program would that writes it to a file. */
export async function exportAll(node: TallymeshNode): Promise<number> {
  let slots = 0
  for (const _slot of await node.exportSlots()) if (++slots % EXPORT_PART === 0) await turn()
  return slots
}

/** Puts that are synced, for as long as the process lives. */
export async function startPuts(path: string, everyMs: number, bytes: number): Promise<void> {
  const level = new ClassicLevel<string, Uint8Array>(path, { valueEncoding: 'view' })
  await level.open()
  setInterval(() => void level.put('counters', new Uint8Array(bytes), { sync: true }), everyMs)
}

/** How long the event loop stood still. */
export class Stalls {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #collections = new PerformanceObserver(list => this.#collected(list.getEntries()))
  #gcMs = 0

  constructor() {
    this.#histogram.enable()
    this.#collections.observe({ entryTypes: ['gc'] })
  }

  #collected(entries: readonly PerformanceEntry[]): void {
    this.#gcMs = Math.max(this.#gcMs, ...entries.map(({ duration }) => duration))
  }

  /** The longest since the last call, without the time that the timer waits anyhow; and the longest pause of the garbage collector. */
  take(): { readonly ms: number; readonly gcMs: number } {
    this.#collected(this.#collections.takeRecords())
    const { max } = this.#histogram
    const gcMs = this.#gcMs
    this.#histogram.reset()
    this.#gcMs = 0
    return { ms: Math.max(0, max / 1e6 - RESOLUTION_MS), gcMs }
  }
}
