import { refuse } from './client-error.js'
import { canonicalKey } from './counter-key.js'

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
    const given = typeof add === 'number' ? String(add) : `a ${add === null ? 'null' : typeof add}`
    const rule = 'an amount must be an integer from -(2^53 - 1) to 2^53 - 1 and not 0'
    throw refuse('INVALID_AMOUNT', `${rule}, got ${given}; nothing was counted`)
  }
  return { key: canonicalKey(key), add }
}

/** @throws TallymeshClientError INVALID_OPTION */
export function checkReplicas(replicas: unknown): Replicas | undefined {
  if (replicas === undefined || replicas === 'majority') return replicas
  if (typeof replicas === 'number' && Number.isSafeInteger(replicas) && replicas >= 1) return replicas
  throw refuse('INVALID_OPTION', "replicas must be an integer from 1 on, or 'majority'")
}
