import type { Flags } from '../cli/flags.js'
import { ProgressLine, whileShowing } from '../cli/screen.js'
import { SeedHunt } from '../cli/seed-hunt.js'
import { type CommandContext, shrinkSeed, tellShrunk } from '../cli/seeds-command.js'
import { grouped, tableText } from '../cli/table-text.js'
import type { SeedFailure } from '../cli/work.js'
import type { Mutant } from './mutant.js'
import { MUTANTS, mutantOf } from './mutants.js'

/** Within how many seeds each mutant has to be caught: seeds 1 to 1,000. */
export const SEEDS_MAX = 1_000
const SEED_FIRST = 1

/** How the hunt for one mutant ended. */
export interface Catch {
  readonly mutant: Mutant
  /** How many seeds it took; undefined where none noticed it. */
  readonly seeds: number | undefined
  readonly caught: SeedFailure | undefined
  /** The seed fails without the mutant, too: then it says nothing. */
  readonly unsound: boolean
}

/** Plants one mutant after another and runs seeds until one fails. Answers the exit code. */
export async function runMutantsCommand(
  names: readonly string[],
  flags: Flags,
  context: CommandContext,
): Promise<number> {
  const { screen, interrupt } = context
  const waiting = names.length === 0 ? [...MUTANTS] : names.map(mutantOf)
  const total = waiting.length
  const catches: Catch[] = []
  const hunter = async () => {
    for (let mutant = waiting.shift(); mutant && !interrupt.aborted; mutant = waiting.shift()) {
      catches.push(await huntMutant(mutant, context))
    }
  }
  const line = new ProgressLine(screen)
  const hunters = Promise.all(Array.from({ length: flags.jobs }, hunter))
  const missed = () => catches.filter(({ caught }) => !caught).length
  await whileShowing(line, () => `${catches.length}/${total} mutants, ${missed()} not caught`, hunters)
  if (interrupt.aborted) return 130
  catches.sort((a, b) => MUTANTS.indexOf(a.mutant) - MUTANTS.indexOf(b.mutant))
  screen.write(`${catchesText(catches)}\n\n`)
  if (names.length > 0 && flags.shrink) for (const found of catches) await showCatch(found, flags, context)
  return tellCatches(catches, context)
}

/** Runs seeds with a mutant planted until one fails, and that seed without it. */
export async function huntMutant(mutant: Mutant, { worker, interrupt }: CommandContext): Promise<Catch> {
  const plain = { limits: {}, deep: false, keepGoing: false, jobs: 1, minutes: Number.POSITIVE_INFINITY }
  const run = async (name: string | undefined, seed: number, seeds: number) => {
    const hunt = new SeedHunt({ ...plain, worker: { ...worker, mutant: name }, seed, seeds })
    const stop = () => void hunt.stop()
    interrupt.addEventListener('abort', stop, { once: true })
    await hunt.run()
    interrupt.removeEventListener('abort', stop)
    return hunt.firstFailure
  }
  const caught = await run(mutant.name, SEED_FIRST, SEEDS_MAX)
  const unsound = caught !== undefined && (await run(undefined, caught.seed, 1)) !== undefined
  return { mutant, seeds: caught && caught.seed - SEED_FIRST + 1, caught, unsound }
}

/** The table of who was caught, by what, after how many seeds. */
export function catchesText(catches: readonly Catch[]): string {
  const rows = catches.map(({ mutant, seeds, caught, unsound }) => {
    const by = caught && `${caught.failure.invariant || '-'} ${caught.failure.kind}`
    return [
      mutant.name,
      seeds === undefined ? '-' : grouped(seeds),
      unsound ? `${by} (also without it)` : (by ?? 'NOT CAUGHT'),
      mutant.story,
    ]
  })
  return tableText(['mutant', 'seeds', 'caught by', 'the mistake'], rows, [0, 2, 3])
}

async function showCatch({ mutant, caught }: Catch, flags: Flags, context: CommandContext): Promise<void> {
  if (!caught) return
  const inMutant = { ...context, worker: { ...context.worker, mutant: mutant.name } }
  context.screen.write(`${mutant.name}: seed ${caught.seed}: ${caught.failure.message}\n`)
  const shrunk = await shrinkSeed(caught, flags, inMutant)
  const file = `.tmp/sim/mutant-${mutant.name}.txt`
  if (shrunk) tellShrunk(caught, shrunk, file, ` --mutants ${mutant.name}`, inMutant)
}

function tellCatches(catches: readonly Catch[], { screen }: CommandContext): number {
  const missed = catches.filter(({ caught, unsound }) => !caught || unsound).map(({ mutant }) => mutant.name)
  if (missed.length === 0) {
    screen.write(`PASSED: each of ${catches.length} mutants was caught within ${grouped(SEEDS_MAX)} seeds\n`)
    return 0
  }
  screen.write(`FAILED: ${missed.length} of ${catches.length} mutants were not caught: ${missed.join(', ')}\n`)
  return 1
}
