import type { Plan } from '../plan/plan.js'
import { repeatDiffers, runGuarded, runSeed } from './run-seed.js'
import type { Failure, Simulator } from './simulator.js'
import { emptyTally, tallyRun } from './tally.js'
import { isRepeated, type PlanDone, type Request, type SeedFailure, type SeedsDone, type Shrunk } from './work.js'

/** What is heard of work under way. */
export interface WorkEvents {
  at(seed: number): void
  shrinking(text: string): void
}

/** Does what was asked for. Never throws for what a run does. */
export function doWork(
  simulator: Simulator,
  request: Request,
  events: WorkEvents,
): Promise<SeedsDone | PlanDone | Shrunk> {
  switch (request.type) {
    case 'seeds':
      return runSeeds(simulator, request, events)
    case 'plan':
      return runText(simulator, request)
    case 'shrink':
      return shrinkSeed(simulator, request, events)
  }
}

async function runSeeds(
  simulator: Simulator,
  { from, count, base, limits, deep, keepGoing }: Extract<Request, { type: 'seeds' }>,
  events: WorkEvents,
): Promise<SeedsDone> {
  const tally = emptyTally()
  const failures: SeedFailure[] = []
  for (let seed = from; seed < from + count; seed++) {
    events.at(seed)
    const failure = await runSeed(simulator, seed, { limits, deep, twice: isRepeated(seed, base) }, tally)
    if (failure) failures.push({ seed, failure })
    if (failure && !keepGoing) break
  }
  return { tally, failures }
}

async function runText(
  simulator: Simulator,
  { text, deep, trace }: Extract<Request, { type: 'plan' }>,
): Promise<PlanDone> {
  const plan = simulator.parsePlan(text)
  const tally = emptyTally()
  const result = await runGuarded(simulator, plan, { deep, trace })
  tallyRun(tally, plan, result)
  const failure = result.failure ?? (await repeatDiffers(simulator, plan, result))
  tally.repeated++
  return { tally, failure, trace: result.trace }
}

async function shrinkSeed(
  simulator: Simulator,
  { seed, kind, limits, deep, triesMax }: Extract<Request, { type: 'shrink' }>,
  events: WorkEvents,
): Promise<Shrunk> {
  const drawn = simulator.drawPlan(seed, limits)
  const failureOf = async (plan: Plan): Promise<Failure | undefined> => {
    events.at(seed)
    const result = await runGuarded(simulator, plan, { deep })
    if (result.failure || kind !== 'nondeterminism') return result.failure
    return repeatDiffers(simulator, plan, result)
  }
  const fails = async (plan: Plan) => (await failureOf(plan))?.kind === kind
  const repeats = await fails(drawn)
  const plan = repeats ? await simulator.shrink(drawn, fails, { triesMax, progress: events.shrinking }) : drawn
  return { text: simulator.printPlan(plan), events: plan.events.length, failure: await failureOf(plan) }
}
