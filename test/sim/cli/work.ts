import type { Failure, PlanLimits } from './simulator.js'
import type { Tally } from './tally.js'

/** Seeds `from` to `from` + `count` − 1. */
export interface SeedChunk {
  readonly from: number
  readonly count: number
  /** The first seed of the whole run. */
  readonly base: number
  readonly limits: PlanLimits
  readonly deep: boolean
  /** Goes on behind a failure. */
  readonly keepGoing: boolean
}

/** What a worker is asked for, one thing at a time. */
export type Request =
  | ({ readonly type: 'seeds' } & SeedChunk)
  | { readonly type: 'plan'; readonly text: string; readonly deep: boolean; readonly trace: boolean }
  /** Draws the plan of a seed and takes away what it does not need to fail in the same way. */
  | {
      readonly type: 'shrink'
      readonly seed: number
      readonly kind: string
      readonly limits: PlanLimits
      readonly deep: boolean
      readonly triesMax: number
    }

export interface SeedFailure {
  readonly seed: number
  readonly failure: Failure
}

export interface SeedsDone {
  readonly tally: Tally
  readonly failures: readonly SeedFailure[]
}

export interface PlanDone {
  readonly tally: Tally
  readonly failure: Failure | undefined
  readonly trace: readonly string[]
}

export interface Shrunk {
  /** The plan as text. */
  readonly text: string
  readonly events: number
  /** How the shrunk plan fails; undefined where the seed did not fail when it was repeated. */
  readonly failure: Failure | undefined
}

/** What a worker says. */
export type Answer =
  | { readonly type: 'ready' }
  /** It lives, and works on this seed. */
  | { readonly type: 'at'; readonly seed: number }
  | { readonly type: 'shrinking'; readonly text: string }
  | { readonly type: 'done'; readonly result: SeedsDone | PlanDone | Shrunk }

/** Which seeds are run twice: the first ten, and one in a hundred. */
export function isRepeated(seed: number, base: number): boolean {
  return seed - base < 10 || (seed - base) % 100 === 0
}
