import { type ClientCode, refuse, TallymeshClientError } from './client-error.js'
import { canonicalKey } from './counter-key.js'
import { checkNames, given } from './given.js'

/** One counter and what is added to it. */
export interface Addition {
  readonly key: string
  /** A safe integer, not 0; negative: decrements. */
  readonly add: number
}

/** How many stores must have a commit before it is acknowledged. */
export type Replicas = number | 'majority'

export const ENTRIES_MAX = 2_000

/** The addition with its canonical key. @throws TallymeshClientError INVALID_AMOUNT, INVALID_NAME */
export function checkAddition(key: unknown, add: unknown): Addition {
  if (typeof add !== 'number' || !Number.isSafeInteger(add) || add === 0) {
    const rule = 'an amount must be an integer from -(2^53 - 1) to 2^53 - 1 and not 0'
    throw refuse('INVALID_AMOUNT', `${rule}, got ${given(add)}; nothing was counted`)
  }
  return { key: canonicalKey(key), add }
}

/** All additions with their canonical keys; an error names the first that is wrong.
 *  @throws TallymeshClientError INVALID_OPTION, INVALID_AMOUNT, INVALID_NAME */
export function checkAdditions(additions: unknown): readonly Addition[] {
  if (!Array.isArray(additions) || additions.length === 0 || additions.length > ENTRIES_MAX) {
    throw refuse('INVALID_OPTION', `additions must be an array of 1 to ${ENTRIES_MAX}; nothing was counted`)
  }
  // Unlike `map`, it does not pass over the holes of a sparse array.
  return Array.from(additions, (addition: unknown, at) => {
    const place = `additions[${at}]`
    if (typeof addition !== 'object' || addition === null) {
      const rule = `${place} must be an object such as { key: 'orders', add: 1 }`
      throw refuse('INVALID_OPTION', `${rule}, got ${given(addition)}; nothing was counted`)
    }
    try {
      const { key, add } = addition as Partial<Addition>
      return checkAddition(key, add)
    } catch (error) {
      if (!(error instanceof TallymeshClientError)) throw error
      throw refuse(error.code as ClientCode, `${place}: ${error.message}`, error)
    }
  })
}

/** Of calls that are given none: there is nothing to check, and no object to be made for each. */
export const NO_OPTIONS = Object.freeze({})

/** What every call may be given. @throws TallymeshClientError INVALID_OPTION */
export function checkCall(options: unknown, known: readonly string[]): void {
  if (options === NO_OPTIONS) return
  checkNames('options', options, ['signal', ...known], '; nothing was sent')
  const { signal } = options as { signal?: unknown }
  if (signal === undefined || typeof (signal as AbortSignal | null)?.addEventListener === 'function') return
  throw refuse('INVALID_OPTION', `signal must be an AbortSignal, got ${given(signal)}; nothing was sent`)
}

/** @throws TallymeshClientError INVALID_OPTION */
export function checkReplicas(replicas: unknown): Replicas | undefined {
  if (replicas === undefined || replicas === 'majority') return replicas
  if (typeof replicas === 'number' && Number.isSafeInteger(replicas) && replicas >= 1 && replicas <= 1_000)
    return replicas
  throw refuse('INVALID_OPTION', "replicas must be an integer from 1 to 1000, or 'majority'")
}
