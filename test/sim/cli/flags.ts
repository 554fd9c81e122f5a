import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

export interface Flags {
  /** How many seeds; Infinity where only the time ends the run. */
  readonly seeds: number
  /** The first seed. */
  readonly seed: number
  /** A seed was named: its run can be repeated. */
  readonly seedGiven: boolean
  readonly minutes: number
  readonly nodes: number | undefined
  readonly events: number | undefined
  readonly trace: boolean
  readonly plan: string | undefined
  readonly shrink: boolean
  readonly jobs: number
  /** Undefined: no bugs are planted. Empty: each of them, one after another. */
  readonly mutants: readonly string[] | undefined
  readonly deep: boolean
  readonly keepGoing: boolean
  readonly help: boolean
}

export const USAGE = `usage: npm run sim -- [flags]

Runs whole rooms of the real node in virtual time, on simulated disks, networks, machines and clocks that fail, and checks what
is promised. A seed draws a plan: what is counted and what breaks, and when.

  --seeds N        seeds one after another (default 1000; with --minutes: no end)
  --seed S         the first seed, 0 to 2^53 - 1 (default: drawn, and printed); without --seeds or --minutes: only this one
  --minutes M      ends after so many minutes
  --nodes N        nodes of each room, 1 to 9 (default: drawn)
  --events N       events of each plan, 1 to 100000 (default: drawn)
  --plan FILE      runs the plan in this file in place of drawn ones
  --trace          prints every step; of one seed or plan
  --deep           makes the costly checks at every step
  --no-shrink      does not shrink the plan of a failure
  --keep-going     does not end at the first failure
  --jobs N         processes, 1 to 64 (default: one for each core)
  --mutants [NAME...]
                   plants known bugs, one at a time, all or those named, and says after how many seeds each is caught;
                   with --seed or --plan: runs that with one named bug in it
  --help           prints this text

Exit code: 0 when every promise held (with --mutants: every bug was caught within 1000 seeds), 1 when not, 2 for wrong flags,
130 when interrupted.`

/** A flag that is unknown or has a wrong value; the message is one line for the user. */
export class FlagError extends Error {}

const SEEDS_DEFAULT = 1_000
const FLAGS = {
  seeds: { type: 'string' },
  seed: { type: 'string' },
  minutes: { type: 'string' },
  nodes: { type: 'string' },
  events: { type: 'string' },
  plan: { type: 'string' },
  trace: { type: 'boolean', default: false },
  deep: { type: 'boolean', default: false },
  shrink: { type: 'boolean', default: true },
  'keep-going': { type: 'boolean', default: false },
  jobs: { type: 'string' },
  mutants: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

type Values = ReturnType<typeof parse>['values']

/** @param newSeed the first seed where none is given
 *  @throws FlagError */
export function readFlags(args: readonly string[], newSeed: () => number): Flags {
  const { values, positionals } = parse(args)
  if (positionals.length > 0 && !values.mutants) throw new FlagError(`"${positionals[0]}" belongs to no flag`)
  const flags: Flags = {
    ...readRange(values, newSeed),
    nodes: readInteger('--nodes', values.nodes, 1, 9),
    events: readInteger('--events', values.events, 1, 100_000),
    trace: values.trace,
    plan: values.plan,
    shrink: values.shrink,
    jobs: readInteger('--jobs', values.jobs, 1, 64) ?? availableParallelism(),
    mutants: values.mutants ? positionals : undefined,
    deep: values.deep,
    keepGoing: values['keep-going'],
    help: values.help,
  }
  checkTogether(flags, values)
  return flags
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, allowPositionals: true, allowNegative: true })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const flag = /--?[\w-]+/.exec(message)?.[0]
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw new FlagError(`unknown flag ${flag}`)
    const boolean = flag !== undefined && BOOLEAN.has(flag.replace(/^--(?:no-)?/, ''))
    throw new FlagError(`${flag} ${boolean ? 'takes no' : 'needs a'} value`)
  }
}

const BOOLEAN: ReadonlySet<string> = new Set(
  Object.entries(FLAGS)
    .filter(([, { type }]) => type === 'boolean')
    .map(([name]) => name),
)

function readRange(values: Values, newSeed: () => number): Pick<Flags, 'seeds' | 'seed' | 'seedGiven' | 'minutes'> {
  const seeds = readInteger('--seeds', values.seeds, 1, 1_000_000_000)
  const seed = readInteger('--seed', values.seed, 0, Number.MAX_SAFE_INTEGER)
  const minutes = readNumber('--minutes', values.minutes, 100_000)
  const bounded = seed !== undefined && minutes === undefined ? 1 : SEEDS_DEFAULT
  return {
    seeds: seeds ?? (minutes === undefined ? bounded : Number.POSITIVE_INFINITY),
    seed: seed ?? newSeed(),
    seedGiven: seed !== undefined,
    minutes: minutes ?? Number.POSITIVE_INFINITY,
  }
}

function checkTogether(flags: Flags, values: Values): void {
  const { plan, trace, seeds, mutants, seedGiven } = flags
  if (plan !== undefined) {
    const beside = (['seed', 'seeds', 'minutes', 'nodes', 'events'] as const).find(name => values[name] !== undefined)
    if (beside !== undefined) throw new FlagError(`--plan runs the plan of a file; --${beside} does not go with it`)
  }
  if (trace && plan === undefined && !(seedGiven && seeds === 1)) {
    throw new FlagError('--trace prints the steps of one run; it needs --seed S or --plan FILE')
  }
  const one = plan !== undefined || seedGiven
  if (mutants && one && mutants.length !== 1) {
    throw new FlagError('--mutants with --seed or --plan plants one bug; name one')
  }
}

function readInteger(flag: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (number >= min && number <= max) return number
  throw new FlagError(`${flag} must be an integer from ${min} to ${max}, got "${text}"`)
}

function readNumber(flag: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined
  const number = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (number > 0 && number <= max) return number
  throw new FlagError(`${flag} must be a number above 0, at most ${max}, got "${text}"`)
}
