import type { Simulator } from './cli/simulator.js'
import { drawPlan } from './plan/draw-plan.js'
import { shrink } from './plan/shrink.js'
import { parsePlan, printPlan } from './plan/words.js'
import { runPlan } from './run-plan.js'

/** What workers load: the simulator itself. */
export const simulator: Simulator = { drawPlan, runPlan, shrink, parsePlan, printPlan }
