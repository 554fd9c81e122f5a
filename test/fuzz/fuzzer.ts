import { getHeapStatistics } from 'node:v8'
import { keepFailure, repeatCommand } from './failures.js'
import { mutate } from './mutate.js'
import { Prng } from './prng.js'
import { shrink } from './shrink.js'
import { Fault, type OpenTarget, type Outcome, type Target } from './target.js'
import type { Watchdog } from './watchdog.js'

const INPUT_MS_MAX = 250
const INPUT_TRIES = 3
/** What one input may cost in memory that is not collected yet: far more than any valid input of its size. */
const GROWTH_BYTES_MAX = 96 * 1024 * 1024
const INPUT_BYTES_MAX = 1_200_000
/** Answers to inputs come within this, or never. */
export const ANSWER_MS_MAX = 10_000

/** What became of the inputs of one target. */
export interface Tally {
  readonly outcomes: Map<Outcome, number>
  inputs: number
  slowestMs: number
}

export function newTally(): Tally {
  return { outcomes: new Map(), inputs: 0, slowestMs: 0 }
}

/** One target under fire. */
export class Fuzzer {
  #open: OpenTarget | undefined
  readonly tally = newTally()

  constructor(
    readonly target: Target,
    readonly seed: number,
    readonly watchdog: Watchdog,
  ) {}

  /** Feeds `inputs` inputs. @throws Error that says how to repeat the one that failed */
  async run(inputs: number): Promise<void> {
    for (let number = 0; number < inputs; number++) {
      const bytes = await this.input(number)
      await this.#judge(bytes, `input ${number} of ${inputs}, FUZZ_SEED=${this.seed}`)
    }
  }

  /** Feeds an input that is known. @throws Error that says how to repeat it */
  async replay(bytes: Uint8Array, what: string): Promise<void> {
    await this.#judge(bytes, what)
  }

  /** An input depends on nothing but the seed, the target and its number. */
  async input(number: number): Promise<Uint8Array> {
    const open = await this.#opened()
    const prng = Prng.of(this.seed, this.target.name, number)
    const sample = open.sample(prng)
    if (prng.chance(0.08)) return sample
    const changed = open.mutate?.(sample, prng) ?? mutate(sample, prng, () => open.sample(prng))
    const mutated = changed.subarray(0, INPUT_BYTES_MAX)
    return open.repair && prng.chance(0.7) ? open.repair(mutated, prng) : mutated
  }

  async close(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    await open?.close?.()
  }

  async #judge(bytes: Uint8Array, what: string): Promise<void> {
    try {
      await this.#feed(bytes)
    } catch (error) {
      throw await this.#failure(bytes, what, error)
    }
  }

  async #feed(bytes: Uint8Array): Promise<void> {
    const { codes, inputMsMax = INPUT_MS_MAX } = this.target
    const outcome = await this.#timed(bytes, inputMsMax)
    this.tally.inputs++
    this.tally.outcomes.set(outcome, (this.tally.outcomes.get(outcome) ?? 0) + 1)
    if (outcome !== 'accepted' && !codes.includes(outcome)) {
      throw new Fault(`it was refused with ${outcome}, which is not a refusal of this target`)
    }
  }

  /** Processor time, because others may keep the machine busy; several tries, because garbage of earlier inputs is
   *  collected at any time. */
  async #timed(bytes: Uint8Array, inputMsMax: number): Promise<Outcome> {
    let fastestMs = Number.POSITIVE_INFINITY
    for (let attempt = 0; attempt < INPUT_TRIES; attempt++) {
      const open = await this.#opened()
      const before = bytes.slice()
      const held = heldBytes()
      const start = process.cpuUsage()
      this.watchdog.begin(this.target.name, bytes)
      const outcome = await answered(open.feed(bytes))
      this.watchdog.end()
      fastestMs = Math.min(fastestMs, spentMs(start))
      const grown = heldBytes() - held
      if (grown > GROWTH_BYTES_MAX) throw new Fault(`it made the process hold ${grown} bytes more`)
      if (!Buffer.from(before).equals(bytes)) throw new Fault('it was changed by its reader')
      if (fastestMs <= inputMsMax) {
        this.tally.slowestMs = Math.max(this.tally.slowestMs, fastestMs)
        return outcome
      }
    }
    throw new Fault(`it took ${fastestMs.toFixed(0)} ms of the processor, ${inputMsMax} are allowed`)
  }

  async #failure(bytes: Uint8Array, what: string, error: unknown): Promise<Error> {
    this.watchdog.end()
    const again = await this.#fails(bytes)
    const smallest = again ? await shrink(bytes, candidate => this.#fails(candidate)) : bytes
    const name = this.target.name
    const path = keepFailure(name, smallest)
    const kind = error instanceof Fault ? error.message : `it crashed its reader: ${(error as Error)?.stack ?? error}`
    const after = again ? '' : '\n  it fails only after the inputs before it: repeat the run with its seed'
    const hex = Buffer.from(smallest.subarray(0, 400)).toString('hex')
    const shown = smallest.length > 400 ? `${hex}… (whole in ${path})` : hex
    return new Error(
      `${name}, ${what}: ${kind}${after}\n  ${smallest.length} of ${bytes.length} bytes: ${shown}\n  repeat it by: ` +
        `${repeatCommand(name, smallest, path, again ? undefined : this.seed)}\n  ` +
        `once mended, keep ${path} in test/fuzz/failures/${name}/`,
      { cause: error },
    )
  }

  /** Whether an input fails by itself, on a target that has seen no other. */
  async #fails(bytes: Uint8Array): Promise<boolean> {
    await this.close()
    const tally = { ...this.tally, outcomes: new Map(this.tally.outcomes) }
    try {
      await this.#feed(bytes)
      return false
    } catch {
      return true
    } finally {
      this.watchdog.end()
      Object.assign(this.tally, tally)
      await this.close()
    }
  }

  async #opened(): Promise<OpenTarget> {
    this.#open ??= await this.target.open(this.seed)
    return this.#open
  }
}

/** Of all threads of this process, since `start`. */
function spentMs(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1_000
}

function heldBytes(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics()
  return heap + external
}

async function answered(outcome: Outcome | Promise<Outcome>): Promise<Outcome> {
  if (typeof outcome === 'string') return outcome
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Fault(`no answer came within ${ANSWER_MS_MAX} ms`)), ANSWER_MS_MAX)
  })
  try {
    return await Promise.race([outcome, late])
  } finally {
    clearTimeout(timer)
  }
}
