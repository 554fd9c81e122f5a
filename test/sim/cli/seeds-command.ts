import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { failureText, planFileText } from './failure-text.js'
import type { Flags } from './flags.js'
import { ProgressLine, type Screen, whileShowing } from './screen.js'
import { SeedHunt } from './seed-hunt.js'
import { SimWorker, type WorkerOptions } from './sim-worker.js'
import type { PlanLimits } from './simulator.js'
import { progressText, summaryText } from './summary.js'
import type { SeedFailure, Shrunk } from './work.js'

/** How many smaller plans are tried for one that fails. */
const SHRINK_TRIES_MAX = 3_000

export interface CommandContext {
  /** Where the repository lies: plans are written below its `.tmp`. */
  readonly root: string
  readonly worker: WorkerOptions
  readonly screen: Screen
  /** Ends the command early. */
  readonly interrupt: AbortSignal
}

/** Runs seeds. Answers the exit code. */
export async function runSeedsCommand(flags: Flags, context: CommandContext): Promise<number> {
  const { worker, screen, interrupt } = context
  const { seed, seeds, minutes, deep, keepGoing, jobs } = flags
  if (!flags.seedGiven) screen.write(`the first seed is ${seed}\n`)
  const hunt = new SeedHunt({ worker, seed, seeds, minutes, limits: limitsOf(flags), deep, keepGoing, jobs })
  const stop = () => void hunt.stop()
  interrupt.addEventListener('abort', stop, { once: true })
  const line = new ProgressLine(screen)
  const progress = () => {
    const failed = hunt.failures.map(failure => failure.seed)
    return progressText(hunt.tally, seeds, hunt.elapsedMs, failed)
  }
  await whileShowing(line, progress, hunt.run())
  interrupt.removeEventListener('abort', stop)
  screen.write(`${summaryText(hunt.tally, { elapsedMs: hunt.elapsedMs, jobs: Math.min(jobs, seeds) })}\n\n`)
  const { firstFailure } = hunt
  if (firstFailure) await explain(firstFailure, hunt.failures, flags, context)
  if (interrupt.aborted) return firstFailure ? 1 : 130
  if (firstFailure) return 1
  screen.write(`PASSED: seeds ${seed} to ${seed + hunt.tally.seeds - 1}: every promise held\n`)
  return 0
}

export function limitsOf({ nodes, events }: Flags): PlanLimits {
  return { ...(nodes === undefined ? {} : { nodes }), ...(events === undefined ? {} : { events }) }
}

async function explain(
  first: SeedFailure,
  all: readonly SeedFailure[],
  flags: Flags,
  context: CommandContext,
): Promise<void> {
  const { screen, interrupt } = context
  const { seed, failure } = first
  screen.write(`${failureText(`seed ${seed}`, failure)}\n`)
  if (all.length > 1) {
    const seeds = [...all].sort((a, b) => a.seed - b.seed).map(other => `${other.seed} (${other.failure.kind})`)
    screen.write(`  ${all.length} seeds failed: ${seeds.slice(0, 20).join(', ')}${all.length > 20 ? ', …' : ''}\n`)
  }
  screen.write(`\nAgain: npm run sim -- --seed ${seed}${limitFlags(flags)}\n`)
  if (!flags.shrink || failure.kind === 'process-lost' || interrupt.aborted) return
  const shrunk = await shrinkSeed(first, flags, context)
  if (shrunk) tellShrunk(first, shrunk, join('.tmp', 'sim', `seed-${seed}.txt`), plantedFlag(flags), context)
}

function limitFlags({ nodes, events, deep, mutants }: Flags): string {
  const parts = [nodes === undefined ? '' : ` --nodes ${nodes}`, events === undefined ? '' : ` --events ${events}`]
  return `${parts.join('')}${deep ? ' --deep' : ''}${plantedFlag({ mutants })}`
}

function plantedFlag({ mutants = [] }: Pick<Flags, 'mutants'>): string {
  return mutants.length > 0 ? ` --mutants ${mutants.join(' ')}` : ''
}

/** Shrinks the plan of a seed in a process of its own. Answers undefined where that process is lost, or interrupted. */
export async function shrinkSeed(
  { seed, failure: { kind } }: SeedFailure,
  flags: Flags,
  { worker: options, screen, interrupt }: CommandContext,
): Promise<Shrunk | undefined> {
  const worker = new SimWorker(options)
  const stop = () => void worker.close()
  interrupt.addEventListener('abort', stop, { once: true })
  let text = `shrinking seed ${seed}`
  const { deep } = flags
  const request = { type: 'shrink', seed, kind, limits: limitsOf(flags), deep, triesMax: SHRINK_TRIES_MAX } as const
  const work = worker.shrink(request, progress => {
    text = `shrinking seed ${seed}: ${progress}`
  })
  try {
    return await whileShowing(new ProgressLine(screen), () => text, work)
  } catch (error) {
    screen.write(`the plan could not be shrunk: ${(error as Error).message}\n`)
    return undefined
  } finally {
    interrupt.removeEventListener('abort', stop)
    await worker.close()
  }
}

/** Writes a shrunk plan to a file and prints it.
 *  @param file below the root
 *  @param flags what else the command that repeats it needs, with a space before it */
export function tellShrunk(
  { seed, failure }: SeedFailure,
  shrunk: Shrunk,
  file: string,
  flags: string,
  { root, screen }: CommandContext,
): void {
  if (shrunk.failure?.kind !== failure.kind) {
    screen.write(`seed ${seed} does not fail every time: its plan was not shrunk\n`)
  }
  const text = planFileText(shrunk.text, `seed ${seed}, shrunk to ${shrunk.events} events`, shrunk.failure)
  mkdirSync(dirname(join(root, file)), { recursive: true })
  writeFileSync(join(root, file), text)
  screen.write(`\n${text}\nAgain, shrunk: npm run sim -- --plan ${file}${flags}\n`)
}
