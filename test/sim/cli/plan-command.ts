import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { failureText } from './failure-text.js'
import { FlagError, type Flags } from './flags.js'
import type { CommandContext } from './seeds-command.js'
import { limitsOf } from './seeds-command.js'
import { SimWorker } from './sim-worker.js'
import type { Simulator } from './simulator.js'
import { summaryText } from './summary.js'
import type { PlanDone } from './work.js'

/** Runs the plan of a file. Answers the exit code. @throws FlagError where the file cannot be read */
export async function runPlanCommand(flags: Flags, context: CommandContext): Promise<number> {
  const file = flags.plan as string
  let text: string
  try {
    text = readFileSync(resolve(context.root, file), 'utf8')
  } catch (error) {
    throw new FlagError(`the plan cannot be read: ${(error as Error).message}`)
  }
  const simulator = await load(context)
  try {
    simulator.parsePlan(text)
  } catch (error) {
    throw new FlagError(`${file} is no plan: ${(error as Error).message}`)
  }
  return await runText(text, file, flags, context)
}

/** Runs one seed with every step printed. */
export async function traceSeedCommand(flags: Flags, context: CommandContext): Promise<number> {
  const simulator = await load(context)
  const text = simulator.printPlan(simulator.drawPlan(flags.seed, limitsOf(flags)))
  return await runText(text, `seed ${flags.seed}`, flags, context)
}

async function load({ worker }: CommandContext): Promise<Simulator> {
  const { simulator } = (await import(worker.simulator)) as { simulator: Simulator }
  return simulator
}

async function runText(text: string, title: string, flags: Flags, context: CommandContext): Promise<number> {
  const { screen, interrupt } = context
  const worker = new SimWorker(context.worker)
  const stop = () => void worker.close()
  interrupt.addEventListener('abort', stop, { once: true })
  const beganMs = performance.now()
  try {
    const { deep, trace } = flags
    const done = await worker.plan({ type: 'plan', text, deep, trace })
    return tell(done, title, performance.now() - beganMs, context)
  } catch (error) {
    screen.write(`${(error as Error).message}\n`)
    return interrupt.aborted ? 130 : 1
  } finally {
    interrupt.removeEventListener('abort', stop)
    await worker.close()
  }
}

function tell(
  { tally, failure, trace }: PlanDone,
  title: string,
  elapsedMs: number,
  { screen }: CommandContext,
): number {
  for (const step of trace) screen.write(`${step}\n`)
  screen.write(`${summaryText(tally, { elapsedMs, jobs: 1 })}\n\n`)
  screen.write(failure ? `${failureText(title, failure)}\n` : `PASSED: ${title}: every promise held\n`)
  return failure ? 1 : 0
}
