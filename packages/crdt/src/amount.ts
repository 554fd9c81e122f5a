import { TallymeshError } from './errors.js'

/** Refuses what is not an amount. The message names what was given.
 *  @throws TallymeshError INVALID_AMOUNT */
export function checkAmount(amount: unknown): number {
  if (typeof amount === 'number' && Number.isSafeInteger(amount) && amount > 0) return amount
  // Not every object can be made a string; the type names it well enough.
  const given =
    typeof amount === 'string' ? JSON.stringify(amount) : typeof amount === 'object' && amount ? '{}' : String(amount)
  throw new TallymeshError(
    'INVALID_AMOUNT',
    `an amount must be an integer from 1 to 2^53 - 1, got ${given} (${typeof amount}); nothing was counted`,
  )
}
