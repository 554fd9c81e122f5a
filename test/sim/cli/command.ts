import { runMutantsCommand } from '../mutants/mutant-hunt.js'
import { mutantOf } from '../mutants/mutants.js'
import { FlagError, type Flags, readFlags, USAGE } from './flags.js'
import { runPlanCommand, traceSeedCommand } from './plan-command.js'
import { type CommandContext, runSeedsCommand } from './seeds-command.js'

/** Runs the command line. Answers the exit code: 0, 1 where something failed, 2 for wrong flags, 130 when interrupted. */
export async function runCommand(args: readonly string[], context: CommandContext): Promise<number> {
  try {
    const flags = readFlags(args, () => Math.floor(Math.random() * 2 ** 31))
    if (!flags.help) return await run(flags, context)
    context.screen.write(`${USAGE}\n`)
    return 0
  } catch (error) {
    if (!(error instanceof FlagError)) throw error
    context.screen.write(`${error.message}; npm run sim -- --help lists the flags\n`)
    return 2
  }
}

async function run(flags: Flags, context: CommandContext): Promise<number> {
  const { mutants } = flags
  if (!mutants) return await runPlanOrSeeds(flags, context)
  for (const name of mutants) checkMutant(name)
  if (flags.plan === undefined && !flags.seedGiven) return await runMutantsCommand(mutants, flags, context)
  return await runPlanOrSeeds(flags, { ...context, worker: { ...context.worker, mutant: mutants[0] } })
}

function runPlanOrSeeds(flags: Flags, context: CommandContext): Promise<number> {
  if (flags.plan !== undefined) return runPlanCommand(flags, context)
  return flags.trace ? traceSeedCommand(flags, context) : runSeedsCommand(flags, context)
}

function checkMutant(name: string): void {
  try {
    mutantOf(name)
  } catch (error) {
    throw new FlagError((error as Error).message)
  }
}
