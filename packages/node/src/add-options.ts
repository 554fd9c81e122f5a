import { TallymeshError } from '@tallymesh/crdt'
import type { WriteConcern } from '@tallymesh/replica'
import { checkInteger } from './options.js'

/** What a single count may ask for. */
export interface AddOptions {
  /** How many stores, this one included, must confirm it as durable: 1 to 1,000, or more than half of the members. A store that is about
   *  to leave the room confirms nothing: its disk goes with it. */
  readonly replicas?: WriteConcern
  /** How long they may take, in ms, 1 to 600,000. Default: the node's `replicasTimeoutMs`. */
  readonly timeoutMs?: number
  /** Names the count, a UUID such as `newOperationId()` makes: however often and on whichever nodes it is tried within the retry
   *  window, it counts once. */
  readonly operation?: string
}

/** @throws TallymeshError INVALID_OPTION */
export function checkAddOptions(options: AddOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new TallymeshError('INVALID_OPTION', 'the options of a count must be an object such as { replicas: 2 }')
  }
  for (const option of Object.keys(options)) {
    if (option === 'replicas' || option === 'timeoutMs' || option === 'operation') continue
    throw new TallymeshError(
      'INVALID_OPTION',
      `a count has no option ${option}; it knows replicas, timeoutMs and operation`,
    )
  }
  const { replicas = 1, timeoutMs = 1 } = options
  if (replicas !== 'majority') checkInteger("replicas (or 'majority')", replicas, 1, 1_000)
  checkInteger('timeoutMs', timeoutMs, 1, 600_000)
}
