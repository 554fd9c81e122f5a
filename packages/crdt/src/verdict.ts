import type { Batch } from './batch.js'
import type { Entry } from './entry.js'
import type { LogUpdate } from './log-update.js'

/** An update that was checked against a log and may be applied to it, if nothing else was applied in between. */
export interface CheckedUpdate {
  readonly verdict: 'new'
  readonly bytes: Uint8Array
  readonly update: LogUpdate
  /** The new batches, with the clock of the first. */
  readonly clock: number
  readonly batches: readonly Batch[]
}

/** What a check found. `known`: nothing new. `gap`: it starts after this log's clock; ask again from there. `diverged`: another
 *  history under the same id, or damage; its entries may still be merged by maximum. A deletion that cannot be judged yet,
 *  because this log misses an earlier one, is a `gap` too. */
export type Verdict =
  | CheckedUpdate
  | { readonly verdict: 'known'; readonly update: LogUpdate }
  | { readonly verdict: 'gap'; readonly from: number }
  | { readonly verdict: 'diverged'; readonly reason: string; readonly entries: readonly Entry[] }
