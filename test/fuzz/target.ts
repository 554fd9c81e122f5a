import { ERROR_CODES, type ErrorCode, TallymeshError } from '@tallymesh/crdt'
import type { Prng } from './prng.js'

/** Something that bytes from outside reach. */
export interface Target {
  readonly name: string
  /** Inputs out of 20,000. */
  readonly share: number
  /** What a refusal may be called here. */
  readonly codes: readonly ErrorCode[]
  /** How much processor time one input may take, in ms, at the fastest of several tries. Default 250. */
  readonly inputMsMax?: number
  /** @param seed of the samples that are made when it opens */
  open(seed: number): OpenTarget | Promise<OpenTarget>
}

export interface OpenTarget {
  /** A valid input, or one that is hostile in its own right. */
  sample(prng: Prng): Uint8Array
  /** Changes an input; default: bytes, wherever they stand. */
  mutate?(bytes: Uint8Array, prng: Prng): Uint8Array
  /** Mends checksums, so that deeper layers are reached. */
  repair?(bytes: Uint8Array, prng: Prng): Uint8Array
  /** Hands an input over; it must not be changed. Answers the code of the refusal, or `accepted`. What it throws is a
   *  fault: a `Fault` where a promise is broken, anything else is a crash. */
  feed(bytes: Uint8Array): Outcome | Promise<Outcome>
  close?(): void | Promise<void>
}

export type Outcome = 'accepted' | ErrorCode

/** A promise that was broken. */
export class Fault extends Error {}

/** @throws Fault */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Fault(what)
}

/** Runs a decoder. Answers what it made, or the code of its refusal.
 *  @throws whatever it throws that is no TallymeshError with a code of the list */
export function decoded<Made>(decode: () => Made): { made: Made } | { code: ErrorCode } {
  try {
    return { made: decode() }
  } catch (error) {
    return { code: codeOf(error) }
  }
}

/** The code of a refusal. @throws `error` where it is none */
export function codeOf(error: unknown): ErrorCode {
  if (error instanceof TallymeshError && Object.hasOwn(ERROR_CODES, error.code)) return error.code
  throw error
}
