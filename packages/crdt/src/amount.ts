import { TallymeshError } from './errors.js'

/** Refuses what is not an amount. The message names what was given.
 *  @throws TallymeshError INVALID_AMOUNT */
export function checkAmount(amount: unknown): number {
  if (typeof amount === 'number' && Number.isSafeInteger(amount) && amount > 0) return amount
  const given = typeof amount === 'string' ? JSON.stringify(amount) : String(amount)
  throw new TallymeshError(
    'INVALID_AMOUNT',
    `an amount must be an integer from 1 to 2^53 - 1, got ${given} (${typeof amount}); nothing was counted`,
  )
}
