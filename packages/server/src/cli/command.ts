import type { Flags, Values } from './flag.js'
import type { Printer } from './printer.js'

/** What stands on the command line beside the flags. */
export interface Operand {
  readonly name: string
  readonly meaning: string
  readonly required: boolean
  /** Takes all that follow. Only the last operand may. */
  readonly repeat?: boolean
}

/** Where a command runs. */
export interface Surroundings {
  readonly printer: Printer
  readonly env: Readonly<Record<string, string | undefined>>
}

/** One command of the program. */
export interface Command<Given extends Flags = Flags> {
  readonly name: string
  readonly summary: string
  /** More about it, as sentences. */
  readonly details?: string
  readonly operands: readonly Operand[]
  readonly flags: Given
  readonly examples: readonly (readonly [typed: string, does: string])[]
  /** @returns the exit code @throws CommandError, TallymeshError */
  run(values: Values<Given>, operands: readonly string[], surroundings: Surroundings): Promise<number>
}

/** Keeps the types of a command's settings for its `run`, and lets all commands stand in one list. */
export function command<Given extends Flags>(given: Command<Given>): Command {
  return given as unknown as Command
}
