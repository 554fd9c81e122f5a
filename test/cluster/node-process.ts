// A process with one node in it, driven by the test that forked it. It ends with that test, however that ends.
import { openNode, TallymeshError, type TallymeshNode } from 'tallymesh'
import type { Call, Told, ToldError, Verb, Verbs } from './command.js'
import { StallMeter } from './stall-meter.js'

type Handlers = {
  readonly [V in Verb]: (...args: Parameters<Verbs[V]>) => ReturnType<Verbs[V]> | Promise<ReturnType<Verbs[V]>>
}

let opened: TallymeshNode | undefined
const stalls = new StallMeter()
/** Keeps the figure of an idle process from falling to what a collection happened to leave. */
const collect = (globalThis as { gc?: () => void }).gc

function node(): TallymeshNode {
  if (!opened) throw new Error('the node is not open')
  return opened
}

function tell(told: Told): void {
  process.send?.(told)
}

function toldError(error: unknown): ToldError {
  const code = error instanceof TallymeshError ? error.code : 'UNKNOWN'
  return { code, message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}

const handlers: Handlers = {
  async open(options) {
    const startMs = performance.now()
    opened = await openNode(options)
    opened.on('error', error => tell({ type: 'error', error: toldError(error) }))
    opened.on('peer', peer => tell({ type: 'peer', peer }))
    opened.on('status', status => tell({ type: 'status', status }))
    return performance.now() - startMs
  },
  add(key, amount, options) {
    const counter = node().counterByKey(key)
    return amount < 0 ? counter.decrement(-amount, options) : counter.increment(amount, options)
  },
  async fill(prefix, count) {
    await Promise.all(Array.from({ length: count }, (_, i) => node().counter(`${prefix}${i}`).increment()))
  },
  async burst(key, times) {
    const counter = node().counterByKey(key)
    await Promise.all(Array.from({ length: times }, () => counter.increment()))
  },
  totals(key) {
    const { increments, decrements } = node().counterByKey(key).totals
    return { increments: Number(increments), decrements: Number(decrements) }
  },
  counters: prefix => [...node().counters(prefix === undefined ? {} : { prefix })],
  members: () => node().members(),
  stats: () => node().stats,
  status: () => node().status,
  removeMember: name => node().removeMember(name),
  async close() {
    await opened?.close()
  },
  stall: () => stalls.take(),
  usage() {
    collect?.()
    const { user, system } = process.cpuUsage()
    const { heapUsed, external } = process.memoryUsage()
    return { cpuMs: (user + system) / 1000, heapBytes: heapUsed + external }
  },
}

process.on('disconnect', () => process.exit(0))
process.on('message', async ({ id, verb, args }: Call) => {
  try {
    const value: unknown = await (handlers[verb] as (...given: readonly unknown[]) => unknown)(...args)
    tell({ type: 'answer', id, value })
  } catch (error) {
    tell({ type: 'failure', id, error: toldError(error) })
  }
})
