import type { Profiler } from 'node:inspector'
import { Session } from 'node:inspector/promises'
import { fileURLToPath } from 'node:url'

const SAMPLING_US = 200
const ALLOCATION_BYTES = 16_384
const FUNCTIONS_SHOWN = 14
const root = fileURLToPath(new URL('../..', import.meta.url))

/** A frame of the profiler. */
interface Frame {
  readonly functionName: string
  /** Empty for what is built in, and for native code. */
  readonly url: string
  readonly lineNumber: number
  /** Of what is built in or native: the JavaScript that called it. */
  readonly caller?: Frame | undefined
}

/** A share of something, by name; the largest first. */
export type Shares = ReadonlyArray<readonly [name: string, share: number]>

/** Where time went while something ran. */
export interface TimeSpent {
  /** Of the time that passed, what the main thread was busy with. */
  readonly busy: number
  /** Processor time of all threads, LevelDB's and the garbage collector's included, as a share of one core. */
  readonly cpu: number
  /** Shares of the busy time by package, each function's own time. */
  readonly packages: Shares
  readonly functions: Shares
}

/** Runs `f` under the profiler of V8, 5,000 samples a second. */
export async function timeOf(f: () => Promise<unknown>): Promise<TimeSpent> {
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLING_US })
    await session.post('Profiler.start')
    const [startMs, before] = [performance.now(), process.cpuUsage()]
    await f()
    const { user, system } = process.cpuUsage(before)
    const passedMs = performance.now() - startMs
    const { profile } = await session.post('Profiler.stop')
    const frames = framesOf(profile.nodes)
    const spent: Array<readonly [Frame, number]> = []
    for (const [i, id] of (profile.samples ?? []).entries()) {
      const frame = frames.get(id)
      if (frame && !isIdle(frame)) spent.push([frame, profile.timeDeltas?.[i] ?? 0])
    }
    const busyUs = spent.reduce((sum, [, us]) => sum + us, 0)
    return {
      busy: busyUs / 1000 / passedMs,
      cpu: (user + system) / 1000 / passedMs,
      packages: shares(spent, packageOf),
      functions: shares(spent, nameOf).slice(0, FUNCTIONS_SHOWN),
    }
  } finally {
    session.disconnect()
  }
}

/** What is allocated while `f` runs, whether it lives on or not, and by which functions. */
export async function allocationsOf(f: () => Promise<unknown>): Promise<{ bytes: number; functions: Shares }> {
  const session = new Session()
  session.connect()
  try {
    const collected = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true }
    await session.post('HeapProfiler.startSampling', { samplingInterval: ALLOCATION_BYTES, ...collected })
    await f()
    const { profile } = await session.post('HeapProfiler.stopSampling')
    const found: Array<readonly [Frame, number]> = []
    const open = [profile.head]
    for (let node = open.pop(); node; node = open.pop()) {
      if (node.selfSize > 0) found.push([node.callFrame, node.selfSize])
      open.push(...node.children)
    }
    const bytes = found.reduce((sum, [, size]) => sum + size, 0)
    return { bytes, functions: shares(found, nameOf).slice(0, FUNCTIONS_SHOWN) }
  } finally {
    session.disconnect()
  }
}

function framesOf(nodes: readonly Profiler.ProfileNode[]): Map<number, Frame> {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map(child => [child, id] as const)))
  const byId = new Map(nodes.map(node => [node.id, node]))
  const callerOf = (id: number): Frame | undefined => {
    for (let at = parents.get(id); at !== undefined; at = parents.get(at)) {
      const frame = byId.get(at)?.callFrame
      if (frame && frame.url !== '') return frame
    }
    return undefined
  }
  return new Map(
    nodes.map(({ id, callFrame }) => [id, callFrame.url === '' ? { ...callFrame, caller: callerOf(id) } : callFrame]),
  )
}

/** Waiting, or the profiler itself, whose commands run in `dispatch`. */
function isIdle({ functionName, url }: Frame): boolean {
  return functionName === '(idle)' || (functionName === 'dispatch' && url === '')
}

/** One line for each, as percents. */
export function formatShares(shares: Shares): string {
  return shares.map(([name, share]) => `${(share * 100).toFixed(1).padStart(7)} %   ${name}`).join('\n')
}

function shares(found: ReadonlyArray<readonly [Frame, number]>, name: (frame: Frame) => string): Shares {
  const sums = new Map<string, number>()
  let total = 0
  for (const [frame, amount] of found) {
    sums.set(name(frame), (sums.get(name(frame)) ?? 0) + amount)
    total += amount
  }
  return [...sums].map(([of, sum]) => [of, sum / (total || 1)] as const).sort((a, b) => b[1] - a[1])
}

function packageOf({ functionName, url, caller }: Frame): string {
  if (url === '' && !caller) return functionName.startsWith('(') ? functionName : 'built in'
  if (url === '' && caller) return `${packageOf(caller)}: native and built in`
  if (url.startsWith('node:')) return 'Node.js'
  const dependency = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
  const own = /\/(packages\/[^/]+|bench)\//.exec(url)?.[1]
  return dependency ?? own ?? url
}

function nameOf({ functionName, url, lineNumber, caller }: Frame): string {
  if (url === '' && caller) return `${functionName || 'native'}, called by ${nameOf(caller)}`
  const path = url
    .replace('file://', '')
    .replace(root, '')
    .replace(/^.*node_modules\//, '')
  return `${functionName || '(anonymous)'}${path === '' ? '' : `   ${path}:${lineNumber + 1}`}`
}
