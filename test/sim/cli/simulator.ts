import type { Plan } from '../plan/plan.js'
import type { RunOptions, RunResult } from '../run-plan.js'

export type { Failure, RunOptions, RunResult } from '../run-plan.js'

/** What is fixed of a plan rather than drawn. */
export interface PlanLimits {
  readonly nodes?: number
  readonly events?: number
}

export interface ShrinkOptions {
  readonly triesMax: number
  readonly progress?: (text: string) => void
}

/** The simulator as the command drives it. A worker loads one by the address of a module that exports `simulator`. */
export interface Simulator {
  drawPlan(seed: number, limits: PlanLimits): Plan
  runPlan(plan: Plan, options?: RunOptions): Promise<RunResult>
  shrink(plan: Plan, fails: (plan: Plan) => Promise<boolean>, options: ShrinkOptions): Promise<Plan>
  parsePlan(text: string): Plan
  printPlan(plan: Plan): string
}
