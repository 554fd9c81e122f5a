import { parseArgs } from 'node:util'

export const FAULT_NAMES = ['kill', 'freeze', 'drain', 'cut', 'wipe', 'restore'] as const
export type FaultName = (typeof FAULT_NAMES)[number]

export const BALANCER_CHOICES = ['auto', 'haproxy', 'nginx', 'client'] as const
export type BalancerChoice = (typeof BALANCER_CHOICES)[number]

export const PLANTS = ['none', 'lost', 'doubled'] as const
/** A falsehood put into the books on purpose, to see that the verdict finds it. */
export type Plant = (typeof PLANTS)[number]

export interface Flags {
  readonly nodes: number
  readonly seconds: number
  readonly seed: number
  readonly faults: readonly FaultName[]
  readonly balancer: BalancerChoice
  readonly keep: boolean
  readonly plant: Plant
  readonly help: boolean
}

export const USAGE = `usage: npm run demo -- [flags]

Starts a few nodes (tallymesh start) and a load balancer before them, and a small shop that counts its customers' requests
there. Each request is one operation with an id, which is tried on one node after the other until it is acknowledged. Breaks
one thing after another, and ends with the books: what was acknowledged, and what every node counts.

  --nodes N        nodes, 1 to 9 (default 3)
  --seconds N      how long the traffic runs, 3 to 600 (default 30)
  --seed N         order and victims of the faults, 0 to 4294967295 (default: a new one, printed)
  --faults LIST    some of kill,freeze,drain,cut,wipe,restore, or none (default: all)
  --lb NAME        auto, haproxy, nginx or client (default auto: the first of these that is installed)
  --keep           keeps the data directory, with the logs of the nodes, and says where it is
  --plant KIND     lost or doubled: falsifies the books by one, to see that the verdict finds it
  --help           prints this text

The verdict is exact when every counter equals the number of operations acknowledged, on every node. Where operations could not
be settled to the end, it names them, and is within bounds: each of them may have counted once.

Exit code: 0 when the verdict is exact or within bounds, all nodes agree, and nobody saw an error while a node drained; 1 when
not; 2 for wrong flags.`

/** A flag that is unknown or has a wrong value; the message is one line for the user. */
export class FlagError extends Error {}

const SEED_MAX = 0xffff_ffff
const FLAGS = {
  nodes: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '30' },
  seed: { type: 'string' },
  faults: { type: 'string', default: FAULT_NAMES.join(',') },
  lb: { type: 'string', default: 'auto' },
  keep: { type: 'boolean', default: false },
  plant: { type: 'string', default: 'none' },
  help: { type: 'boolean', default: false },
} as const

/** @param newSeed the seed where none is given
 *  @throws FlagError */
export function readFlags(args: readonly string[], newSeed: () => number): Flags {
  checkNames(args)
  const { values } = parse(args)
  return {
    nodes: readInteger('--nodes', values.nodes, 1, 9),
    seconds: readInteger('--seconds', values.seconds, 3, 600),
    seed: values.seed === undefined ? newSeed() : readInteger('--seed', values.seed, 0, SEED_MAX),
    faults: readFaults(values.faults),
    balancer: readChoice('--lb', values.lb, BALANCER_CHOICES),
    keep: values.keep,
    plant: readChoice('--plant', values.plant, PLANTS),
    help: values.help,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: joined(args), options: FLAGS })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const flag = /--\w+/.exec(message)?.[0]
    if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') {
      throw new FlagError(`${flag} ${flag === '--keep' || flag === '--help' ? 'takes no' : 'needs a'} value`)
    }
    // The parser explains itself in several sentences; the first one says what is wrong.
    throw new FlagError(message.split(/\. |\n/)[0])
  }
}

/** A negative number after a flag is its value, and is then refused as such. */
function joined(args: readonly string[]): string[] {
  const all: string[] = []
  for (const arg of args) {
    if (/^-\d/.test(arg) && all.at(-1)?.startsWith('--')) all.push(`${all.pop()}=${arg}`)
    else all.push(arg)
  }
  return all
}

function checkNames(args: readonly string[]): void {
  for (const arg of args) {
    const name = /^--?([^=]*)/.exec(arg)?.[1]
    if (
      arg.startsWith('-') &&
      !/^-\d/.test(arg) &&
      !(name !== undefined && arg.startsWith('--') && Object.hasOwn(FLAGS, name))
    ) {
      throw new FlagError(`unknown flag ${arg.split('=')[0]}; known are ${knownFlags()}`)
    }
  }
}

function knownFlags(): string {
  return Object.keys(FLAGS)
    .map(name => `--${name}`)
    .join(' ')
}

function readInteger(flag: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new FlagError(`${flag} must be an integer from ${min} to ${max}, got ${JSON.stringify(text)}`)
}

function readChoice<Choice extends string>(flag: string, text: string, choices: readonly Choice[]): Choice {
  const found = choices.find(choice => choice === text)
  if (found !== undefined) return found
  throw new FlagError(`${flag} must be one of ${choices.join(', ')}, got ${JSON.stringify(text)}`)
}

function readFaults(text: string): FaultName[] {
  if (text === 'none') return []
  const names = text.split(',').map(name => name.trim())
  return [...new Set(names.map(name => readChoice('--faults', name, FAULT_NAMES)))]
}
