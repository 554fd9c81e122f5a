import { type CounterKey, TallymeshError } from '@tallymesh/crdt'

/** What this process counts on one key: the own slot, with what is not in a batch yet. The hot path touches nothing else. */
export interface Cell {
  readonly key: CounterKey
  /** The key's id in the table. */
  id: number
  p: number
  n: number
  /** How much of `p` and `n` is in a batch; the rest is pending. */
  batchedP: number
  batchedN: number
  dirty: boolean
  /** A group that the open commit takes whole counted on it. */
  grouped: boolean
  /** Where a group that was put together had it: whether one has it is seen there. */
  place: number
}

/** What one group, or one commit, adds to one cell. */
export interface GroupCount {
  readonly cell: Cell
  readonly p: number
  readonly n: number
}

/** The refusal of a count that its slot cannot hold. */
export function overflow(key: CounterKey, what: string, total: number, amount: number): TallymeshError {
  return new TallymeshError(
    'COUNTER_OVERFLOW',
    `${key} has ${total} ${what} by this replica; ${amount} more would pass 2^53 - 1. Nothing was counted`,
  )
}
