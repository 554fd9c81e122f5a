import { Breach } from './check/breach.js'
import { Checks } from './check/checks.js'
import { drawsOf } from './draw.js'
import type { Plan, PlannedEvent } from './plan/plan.js'
import { printCommand } from './plan/words.js'
import { loadOldRelease } from './releases.js'
import { heal, membersOf, settle, settledNodes } from './settle.js'
import type { SimNode } from './sim-node.js'
import { World } from './world.js'

/** What broke, and where. */
export interface Failure {
  /** A stable short word. */
  readonly kind: string
  /** Of DESIGN 11; 0 for a fault of the program itself. */
  readonly invariant: number
  readonly message: string
  /** How many events of the world had happened. */
  readonly step: number
  readonly atMs: number
  /** The event of the plan that came last, as it is written there. */
  readonly after: string
  readonly stack: string
}

export interface RunResult {
  readonly seed: number
  /** A sum over everything that happened: the same for the same plan. */
  readonly hash: number
  readonly steps: number
  readonly virtualMs: number
  /** How often each command applied. */
  readonly applied: Readonly<Record<string, number>>
  /** How often the network did what conditions ask for. */
  readonly injected: Readonly<Record<string, number>>
  readonly figures: Readonly<Record<string, number>>
  readonly failure: Failure | undefined
  /** Every step; only where it was asked for. */
  readonly trace: readonly string[]
}

export interface RunOptions {
  readonly trace?: boolean
  /** Costly checks at every step. */
  readonly deep?: boolean
}

/** Carries a plan out in virtual time: its events, then healing in part and as a whole, then an end of all processes and another
 *  start; and checks all of it. */
export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<RunResult> {
  // Every refused dial makes an error: their stacks would take more time than what they tell of.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = options.trace ? 25 : 0
  try {
    return await run(plan, options)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

async function run(plan: Plan, options: RunOptions): Promise<RunResult> {
  const trace: string[] = []
  if (plan.room.releases) await loadOldRelease()
  const checks = new Checks(plan, { deep: options.deep ?? false })
  const world = new World({
    ...{ seed: plan.seed, room: plan.room, observer: checks },
    trace: options.trace ? line => trace.push(line) : undefined,
  })
  // Printed only where something fails.
  let after: PlannedEvent | string = 'the start'
  let failure: Failure | undefined
  try {
    await world.start()
    for (const event of plan.events) {
      await world.runUntil(event.atMs)
      after = event
      if (options.trace) trace.push(`# ${print(event)}`)
      await world.execute(event.command)
    }
    after = 'the end of the plan'
    await finish(plan, world, checks)
  } catch (error) {
    failure = failureOf(error, world, typeof after === 'string' ? after : print(after))
  }
  return {
    ...{ seed: plan.seed, hash: world.hash, steps: world.time.happened, virtualMs: world.time.nowMs },
    ...{ applied: world.applied, injected: world.network.injected, figures: checks.figures, failure, trace },
  }
}

/** Faults end: first around some nodes, then everywhere. Then all lose their processes, or their power, once more. */
async function finish(plan: Plan, world: World, checks: Checks): Promise<void> {
  const draw = drawsOf(plan.seed)
  const nodes = membersOf([...world.nodes.values()])
  const core = nodes.filter((_, i) => draw('core', i) < 0.7)
  // Copies of one disk are one member: they find each other by way of a seed.
  const found = core.some(({ name }) => plan.room.nodes.includes(name))
  if (found && core.length < nodes.length && draw('core', -1) < 0.3) {
    for (const node of nodes) if (!core.includes(node)) node.kill()
    heal(world, core)
    await settle(world, core)
  }
  await settleAll(world, nodes, checks)
  const again = draw('again', 0)
  if (again > 0.3) return
  for (const { name } of nodes) await world.execute({ verb: again < 0.15 ? 'kill' : 'reboot', node: name })
  await settleAll(world, nodes, checks)
}

async function settleAll(world: World, nodes: readonly SimNode[], checks: Checks): Promise<void> {
  heal(world, nodes)
  await settle(world, nodes)
  checks.finish(settledNodes(nodes))
}

function print({ atMs, command }: PlannedEvent): string {
  return `${atMs} ${printCommand(command)}`
}

function failureOf(error: unknown, world: World, after: string): Failure {
  const { name = 'Error', message, stack = '' } = error instanceof Error ? error : new Error(String(error))
  const breach = error instanceof Breach ? error : undefined
  const { happened: step, nowMs: atMs } = world.time
  return { kind: breach?.kind ?? name, invariant: breach?.invariant ?? 0, message, step, atMs, after, stack }
}
