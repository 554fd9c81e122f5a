import { type Draw, drawsOf, Stream } from '../draw.js'
import type { NodeName } from './command.js'
import { drawKeys } from './draw-keys.js'
import { FAULT_TABLE, type FaultName } from './faults.js'
import { MISS_EVENTS, OperationWork } from './operation-work.js'
import type { Plan, PlannedEvent, RoomSpec } from './plan.js'
import { COMMIT_ENTRIES_MAX } from './room-words.js'
import { nodeName, Scene } from './scene.js'
import { drawSwarm, type PlanLimits, type Swarm } from './swarm.js'

export type { PlanLimits } from './swarm.js'

/** How many adds a key of a distinct room takes, with some room to spare. */
const ADDS_PER_KEY = 40
/** Over all links and the whole plan: heartbeats cost the simulator time and find little. */
const HEARTBEATS_MAX = 500
/** The rooms in which clients retry: those whose draw lies between these. */
const OPERATING = [0.2, 0.6] as const
/** The share of those that end with an update that got lost. */
const MISSING = 0.6
/** The share of rooms whose nodes leave, and how often they do at most, of all faults: a plan sees few. */
const LEAVING = 0.25
const LEAVE_WEIGHT_MAX = 60
/** The share of rooms that fold. */
const FOLDING = 0.4
const FOLD_AFTER_MS = [0, 0, 50, 300, 2_000]
const FOLD_GRACES_MS = [0, 0, 200, 2_000, 20_000]
const LONG_MS = 86_400_000
const HEARTBEATS_MS = [20, 50, 100, 200, 500, 1_000]
/** The length of answers in a quarter of all rooms. What others take is drawn where they run. */
const SHORT_ANSWERS = [undefined, undefined, 20, undefined] as const
/** Fewer would leave no time to find a node down, and to go on without it. */
const HEARTBEATS_MIN = 12
const ANTI_ENTROPIES_MS = [200, 500, 1_000, 2_000, 2_000, 5_000]
const DELAYS_MS = [
  [0, 0.5],
  [0.2, 2],
  [1, 5],
  [1, 20],
  [5, 80],
  [0, 200],
] as const
const SYNCS_MS = [
  [0.1, 0.3],
  [0.2, 1],
  [0.5, 5],
  [1, 3],
  [2, 40],
  [1, 200],
] as const
/** How much faster than the mean events follow one another, in a phase. */
const FAST = 0.02
const PACES = [FAST, 0.2, 0.7, 1, 1, 2, 6]
/** Into how many phases of different paces a plan falls, at least. */
const PHASES_MIN = 8

/** The plan of a seed: always the same for the same seed and limits.
 *  @param seed an integer from 0 to 2^53 − 1 */
export function drawPlan(seed: number, limits: PlanLimits = {}): Plan {
  const stream = new Stream(rowOf(drawsOf(seed)), 'plan', 0)
  const swarm = withLeaving(seed, drawSwarm(stream, limits))
  const scene = new Scene(stream, swarm, drawRoom(stream, swarm))
  if (swarm.old) planUpgrades(scene)
  const work = drawOperations(seed, swarm, scene)
  const ending = new Stream(drawsOf(seed), 'ending', 0)
  const isMissing = ending.chance(MISSING)
  if (work && isMissing) scene.reserve(MISS_EVENTS)
  const gapMs = swarm.spanMs / swarm.events
  const drawEvents = () => {
    for (let left = 0, pace = 1; !scene.full; left--) {
      if (left === 0) {
        left = 1 + stream.int(swarm.events / PHASES_MIN)
        pace = stream.pick(PACES)
      }
      scene.pass(-Math.log(1 - stream.next()) * gapMs * (scene.nowMs < swarm.spanMs ? pace : FAST))
      if (!(stream.chance(swarm.faultShare) && FAULT_TABLE[pickFault(scene)](scene)) && !work?.maybe())
        scene.workload.anywhere()
    }
  }
  drawEvents()
  scene.reserve(0)
  if (isMissing) work?.miss(ending)
  drawEvents()
  scene.finish()
  // Copies that know nothing of each other may both settle, or fold, the same: that is outside of what is promised.
  const isCopied = isCopiedWhole(scene)
  const room = {
    ...scene.room,
    ...drawAnswers(seed),
    ...work?.options,
    ...(isCopied ? {} : drawFolding(seed, swarm, scene)),
  }
  const isSpared = work !== undefined || room.foldAfterMs !== undefined
  const key = work ? 'op-0' : (room.keys[0] as string)
  return { seed, room, events: isSpared ? scene.events.map(event => spared(event, key, isCopied)) : scene.events }
}

/** A read takes the place of an import: what is imported from the same room acts at once, its operations and folds once they come; until
 *  then a node may show a count twice. And of all operations where the whole room is copied. */
function spared(event: PlannedEvent, key: string, isCopied: boolean): PlannedEvent {
  const { atMs, command } = event
  const read = (node: NodeName): PlannedEvent => ({ atMs, command: { verb: 'read', node, key } })
  if (command.verb === 'transfer') return read(command.to)
  return command.verb === 'operate' && isCopied ? read(command.node) : event
}

/** Whether all stores that stay in the room were copied: then there may be two rooms. */
function isCopiedWhole({ events, room }: Scene): boolean {
  const originals = new Map<NodeName, NodeName>()
  let stores = room.nodes.length
  for (const { command } of events) {
    if (command.verb === 'clone') originals.set(command.as, originals.get(command.node) ?? command.node)
    if (command.verb === 'join') stores++
    if (command.verb === 'remove' || command.verb === 'leave') stores--
  }
  return originals.size > 0 && new Set(originals.values()).size >= stores
}

/** In some rooms nodes leave. They are drawn apart: all other rooms stay what they were. Old releases cannot. */
function withLeaving(seed: number, swarm: Swarm): Swarm {
  const stream = new Stream(drawsOf(seed), 'leaving', 0)
  if (stream.next() >= LEAVING || swarm.old) return swarm
  return { ...swarm, faults: [...swarm.faults, ['leave', 1 + stream.int(LEAVE_WEIGHT_MAX)]] }
}

/** In some rooms nearly each commit is asked for. */
function drawAnswers(seed: number): Pick<RoomSpec, 'answerBytesMax'> {
  const answerBytesMax = new Stream(drawsOf(seed), 'update bytes', 0).pick(SHORT_ANSWERS)
  return answerBytesMax === undefined ? {} : { answerBytesMax }
}

/** In some rooms ids that nobody counts under are folded soon. A copy of a disk may be away for as long as the plan takes, and must not
 *  be for longer than folds are remembered. */
function drawFolding(seed: number, swarm: Swarm, { events }: Scene): Pick<RoomSpec, 'foldAfterMs' | 'foldGraceMs'> {
  const stream = new Stream(drawsOf(seed), 'folding', 0)
  if (stream.next() >= FOLDING || swarm.old) return {}
  const foldAfterMs = stream.pick(FOLD_AFTER_MS)
  const copies = events.some(({ command }) => command.verb === 'clone')
  return { foldAfterMs, foldGraceMs: copies ? LONG_MS : stream.pick(FOLD_GRACES_MS) }
}

/** In some rooms clients retry. They are drawn apart: all other rooms stay what they were. Old releases know no operations. */
function drawOperations(seed: number, swarm: Swarm, scene: Scene): OperationWork | undefined {
  const stream = new Stream(drawsOf(seed), 'operations', 0)
  const drawn = stream.next()
  const operates = drawn >= OPERATING[0] && drawn < OPERATING[1]
  return operates && !swarm.old ? new OperationWork(stream, scene) : undefined
}

/** Draws in a row, whatever they are asked for: several times as fast as draws by name, which a plan has no use for, as it is
 *  kept whole. This is sfc32 of PractRand. */
function rowOf(draw: Draw): Draw {
  const word = (number: number) => Math.floor(draw('plan', number) * 2 ** 32) | 0
  let [a, b, c, counter] = [word(0), word(1), word(2), 1] as [number, number, number, number]
  return () => {
    const drawn = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + drawn) | 0
    return (drawn >>> 0) / 2 ** 32
  }
}

function drawRoom(stream: Stream, swarm: Swarm): RoomSpec {
  const nodes = Array.from({ length: swarm.nodes }, (_, i) => nodeName(i))
  const heartbeatMsMax = Math.max(50, swarm.spanMs / HEARTBEATS_MIN)
  const heartbeatMsMin = Math.min(heartbeatMsMax, (swarm.nodes * (swarm.nodes - 1) * swarm.spanMs) / HEARTBEATS_MAX)
  const delayMs = stream.pick(DELAYS_MS)
  // A network that is slower than the heartbeats has no peers that are up.
  const heartbeatsMs = HEARTBEATS_MS.filter(ms => ms >= heartbeatMsMin && ms <= heartbeatMsMax && ms >= 5 * delayMs[1])
  const keys = drawKeys(stream, swarm.keyShape, swarm.distinct ? drawnKeysMin(swarm) : 1)
  return {
    nodes,
    heartbeatMs: heartbeatsMs.length > 0 ? stream.pick(heartbeatsMs) : Math.max(1_000, Math.ceil(heartbeatMsMin)),
    antiEntropyMs: stream.pick(ANTI_ENTROPIES_MS),
    delayMs,
    syncMs: stream.pick(SYNCS_MS),
    keys,
    distinct: swarm.distinct,
    ...(swarm.commitEntriesMax < COMMIT_ENTRIES_MAX && { commitEntriesMax: swarm.commitEntriesMax }),
    ...(swarm.old && { releases: Object.fromEntries(nodes.map(node => [node, 1 as const])) }),
  }
}

/** Enough powers of two for all adds. */
function drawnKeysMin(swarm: Swarm): number {
  const perEvent = 1 + swarm.groups * (swarm.groupKeysMax / 2)
  return Math.min(300, Math.ceil((swarm.events * perEvent) / ADDS_PER_KEY))
}

function pickFault({ stream, swarm }: Scene): FaultName {
  const sum = swarm.faults.reduce((total, [, weight]) => total + weight, 0)
  let at = stream.int(sum)
  for (const [name, weight] of swarm.faults) if ((at -= weight) < 0) return name
  throw new Error('the weights of the faults do not add up')
}

/** One node after another, in some order. */
function planUpgrades(scene: Scene): void {
  const { stream, swarm, room } = scene
  const left = [...room.nodes]
  let atMs = swarm.spanMs * 0.6 * stream.next()
  while (left.length > 0) {
    const [node = ''] = left.splice(stream.int(left.length), 1)
    scene.later(atMs, () => scene.do({ verb: 'upgrade', node, release: 2 }))
    atMs += (swarm.spanMs * stream.next()) / (2 * room.nodes.length)
  }
}
