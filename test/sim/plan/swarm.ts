import type { Stream } from '../draw.js'
import type { Concern } from './command.js'
import type { KeyShape } from './draw-keys.js'
import { FAULTS, type FaultName } from './faults.js'
import { COMMIT_ENTRIES_MAX } from './room-words.js'

/** What one seed is like. Each seed leaves out most kinds of faults and draws how often the others happen: so some seeds are
 *  full of what an even mixture would show too rarely to matter. */
export interface Swarm {
  readonly nodes: number
  readonly events: number
  /** How long the events take, about. */
  readonly spanMs: number
  /** Which share of the events begins a fault. */
  readonly faultShare: number
  /** How often each kind of fault is chosen; those that are left out do not stand here. */
  readonly faults: ReadonlyArray<readonly [name: FaultName, weight: number]>
  /** Whether all nodes start with the first release, and are upgraded one after another. */
  readonly old: boolean
  readonly distinct: boolean
  readonly keyShape: KeyShape
  readonly huge: boolean
  readonly decrements: number
  readonly reads: number
  readonly groups: number
  readonly groupKeysMax: number
  /** How many entries a commit takes: in most rooms so few that commits of several parts are cheap. */
  readonly commitEntriesMax: number
  readonly manies: number
  readonly manyCountMax: number
  /** Which share of the adds asks for confirmations of others, and which. */
  readonly concernShare: number
  readonly concerns: readonly Concern[]
  /** Which share of the work one node does. */
  readonly favour: number
}

/** What a plan shall have instead of what its seed would draw. */
export interface PlanLimits {
  readonly nodes?: number
  readonly events?: number
}

/** What shows the most where it happens at all is begun more often; of some, many a plan ends before they do. */
const WEIGHTS: Partial<Record<FaultName, number>> = { remove: 6, restore: 3, rollbackTwice: 3, crowd: 4 }
/** A group counts on 48 fewer, and none of those that are drawn is too large for the least of them. */
const COMMITS_ENTRIES_MAX = [110, 110, 150, 400, COMMIT_ENTRIES_MAX]
const NODES = [1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5]

export function drawSwarm(stream: Stream, limits: PlanLimits): Swarm {
  const drawn = stream.chance(0.06) ? 6 + stream.int(4) : stream.pick(NODES)
  const nodes = limits.nodes ?? drawn
  const keyShape = stream.pick(['hot', 'few', 'few', 'many', 'hostile'] as const)
  const distinct = stream.chance(0.5)
  const events = drawEvents(stream, limits)
  // A short plan has no time for faults that are rare.
  const faultShareMin = events < 60 ? 0.06 : 0.02
  const commitEntriesMax = stream.pick(COMMITS_ENTRIES_MAX)
  const some = <Value>(chance: number, value: Value, otherwise: Value) => (stream.chance(chance) ? value : otherwise)
  return {
    nodes,
    events,
    spanMs: some(0.75, logUniform(stream, 500, 5_000), logUniform(stream, 500, 40_000)),
    faultShare: some(0.05, 0, logUniform(stream, faultShareMin, 0.5)),
    faults: drawFaults(stream),
    old: stream.chance(0.12),
    distinct,
    keyShape,
    huge: stream.chance(0.15) && !distinct,
    decrements: stream.pick([0, 0.3, 0.7, 1]),
    reads: stream.pick([0.02, 0.1, 0.3]),
    groups: stream.pick([0, 0.05, 0.3, 0.8]),
    groupKeysMax: keyShape === 'many' ? stream.pick([5, 20, 60]) : 5,
    commitEntriesMax,
    manies: some(0.3, 0.03, 0),
    manyCountMax: some(0.2, Math.ceil(1.5 * commitEntriesMax), 120),
    concernShare: stream.pick([0, 0, 0.1, 0.5, 1]),
    concerns: drawConcerns(stream, nodes),
    favour: some(0.35, 0.8, 0),
  }
}

/** Between both, each order of magnitude alike. */
export function logUniform(stream: Stream, min: number, max: number): number {
  return min * (max / min) ** stream.next()
}

function drawEvents(stream: Stream, limits: PlanLimits): number {
  const dice = stream.next()
  const drawn = dice < 0.65 ? 20 + stream.int(40) : dice < 0.93 ? 60 + stream.int(100) : 160 + stream.int(440)
  return limits.events ?? drawn
}

function drawFaults(stream: Stream): Swarm['faults'] {
  const chance = stream.pick([0.1, 0.35, 0.35, 0.7])
  const faults = FAULTS.filter(() => stream.chance(chance)).map(
    name => [name, (WEIGHTS[name] ?? 1) + stream.int(6)] as const,
  )
  return faults.length > 0 ? faults : [[stream.pick(FAULTS), 1]]
}

function drawConcerns(stream: Stream, nodes: number): readonly Concern[] {
  const ways: Array<readonly Concern[]> = [[2], ['majority'], [1, 2, 'majority'], [nodes], [2, nodes + 1, 'majority']]
  return stream.pick(ways)
}
