import { TallymeshError } from './errors.js'

/** Refuses what is not an amount. The message names what was given.
 *  @throws TallymeshError INVALID_AMOUNT */
export function checkAmount(amount: unknown): number {
  if (typeof amount === 'number' && Number.isSafeInteger(amount) && amount > 0) return amount
  throw invalid('an amount must be an integer from 1 to 2^53 - 1', amount)
}

/** Refuses what is not an amount to add or, negative, to take away.
 *  @throws TallymeshError INVALID_AMOUNT */
export function checkSignedAmount(amount: unknown): number {
  if (typeof amount === 'number' && Number.isSafeInteger(amount) && amount !== 0) return amount
  throw invalid('an amount to add must be an integer from -(2^53 - 1) to 2^53 - 1 other than 0', amount)
}

function invalid(rule: string, amount: unknown): TallymeshError {
  // Not every object can be made a string; the type names it well enough.
  const given =
    typeof amount === 'string' ? JSON.stringify(amount) : typeof amount === 'object' && amount ? '{}' : String(amount)
  return new TallymeshError('INVALID_AMOUNT', `${rule}, got ${given} (${typeof amount}); nothing was counted`)
}
