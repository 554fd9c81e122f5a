import type { Adder } from './adder.js'
import { TallymeshClientError } from './client-error.js'
import type { Custody } from './custody.js'
import { ageMs } from './operation.js'
import type { KeptOperation } from './outbox.js'

/** What became of the operations that earlier clients left in an outbox. */
export interface Recovery {
  /** How many of them are counted. */
  readonly counted: number
  /** An error for each that ended otherwise, with its `operation` and `additions`: OPERATION_EXPIRED where its retry window was over, so
   *  that it was not sent again. Its `counted` is `'perhaps'`: the earlier client may have sent it. They stay in the outbox, and are told
   *  again by each client that uses it, until `forget`. */
  readonly failed: readonly TallymeshClientError[]
  /** What in the outbox could not be read, a sentence each. */
  readonly damage: readonly string[]
  /** Takes what failed out of the outbox, except for what was only KEPT: once the program has dealt with it. */
  forget(): Promise<void>
}

export const NOTHING_LEFT: Recovery = { counted: 0, failed: [], damage: [], forget: async () => {} }

/** Sends what was left again, under the same ids. Resolves once all of it is settled, at the latest when its retry windows are over.
 *  @throws TallymeshClientError OUTBOX_LOCKED, OUTBOX_FAILED, OUTBOX_UNSUPPORTED */
export async function recover(custody: Custody, adder: Adder, retryWindowMs: number): Promise<Recovery> {
  const { operations, damage } = await custody.left
  const outcomes = await Promise.all(operations.map(operation => settle(operation, adder, retryWindowMs)))
  const failed = outcomes.filter(outcome => outcome !== undefined)
  const forget = async (): Promise<void> => {
    const over = failed.filter(({ code }) => code !== 'KEPT')
    await Promise.all(over.map(({ operation }) => custody.drop(operation as string)))
  }
  return { counted: operations.length - failed.length, failed, damage, forget }
}

async function settle(
  kept: KeptOperation,
  adder: Adder,
  retryWindowMs: number,
): Promise<TallymeshClientError | undefined> {
  const { id: operation, additions } = kept
  if (ageMs(kept) >= retryWindowMs) {
    const what = `the retry window of operation ${operation}, which an earlier client left, is over; it was not sent again`
    return new TallymeshClientError('OPERATION_EXPIRED', what, { counted: 'perhaps', operation, additions })
  }
  try {
    await adder.resend(kept)
    return undefined
  } catch (error) {
    if (error instanceof TallymeshClientError) return error
    throw error
  }
}
