import type { Plan } from '../plan/plan.js'
import type { Failure, PlanLimits, RunOptions, RunResult, Simulator } from './simulator.js'
import { type Tally, tallyRun } from './tally.js'

export interface SeedOptions {
  readonly limits: PlanLimits
  readonly deep: boolean
  /** Runs it a second time: both must leave the same trace. */
  readonly twice: boolean
}

/** Runs one seed and counts it in `tally`. Answers what failed, if something did; never throws. */
export async function runSeed(
  simulator: Simulator,
  seed: number,
  { limits, deep, twice }: SeedOptions,
  tally: Tally,
): Promise<Failure | undefined> {
  try {
    const plan = simulator.drawPlan(seed, limits)
    const result = await runGuarded(simulator, plan, { deep })
    tallyRun(tally, plan, result)
    if (result.failure || !twice) return result.failure
    tally.repeated++
    return await repeatDiffers(simulator, plan, result)
  } catch (error) {
    tally.seeds++
    return thrown(error)
  }
}

/** As `runPlan`; a run that throws is a run that failed. */
export async function runGuarded(simulator: Simulator, plan: Plan, options: RunOptions): Promise<RunResult> {
  try {
    return await simulator.runPlan(plan, options)
  } catch (error) {
    const nothing = { hash: 0, steps: 0, virtualMs: 0, applied: {}, injected: {}, figures: {}, trace: [] }
    return { seed: plan.seed, ...nothing, failure: thrown(error) }
  }
}

/** Runs a plan again: the same plan must leave the same trace. */
export async function repeatDiffers(simulator: Simulator, plan: Plan, first: RunResult): Promise<Failure | undefined> {
  const second = await simulator.runPlan(plan)
  if (first.hash === second.hash && first.steps === second.steps) return undefined
  const a = await simulator.runPlan(plan, { trace: true })
  const b = await simulator.runPlan(plan, { trace: true })
  const step = firstDifference(a.trace, b.trace)
  const text =
    step === undefined
      ? 'two runs of the plan had different hashes, two traced ones the same steps'
      : `two runs of the plan part at step ${step + 1}:\n  ${a.trace[step] ?? '(end)'}\n  ${b.trace[step] ?? '(end)'}`
  return { kind: 'nondeterminism', invariant: 0, message: text, step: (step ?? 0) + 1, atMs: 0, after: '', stack: '' }
}

function firstDifference(a: readonly string[], b: readonly string[]): number | undefined {
  const length = Math.max(a.length, b.length)
  for (let step = 0; step < length; step++) if (a[step] !== b[step]) return step
  return undefined
}

function thrown(error: unknown): Failure {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error))
  return failureApart('thrown', `the simulator threw: ${message}`, stack)
}

/** A failure that no check found in a run. */
export function failureApart(kind: string, message: string, stack = ''): Failure {
  return { kind, invariant: 0, message, step: 0, atMs: 0, after: '', stack }
}
