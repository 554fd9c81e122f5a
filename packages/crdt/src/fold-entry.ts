import type { IdList } from './id-lists.js'
import type { ReplicaId } from './ids.js'
import type { OperationCount } from './operation-entry.js'

/** The log's replica means to fold what was counted under `replica`, an id that nobody writes under any more. Who learns of it while it
 *  writes under that id takes a fresh one. */
export interface ClaimEntry {
  readonly kind: 'claim'
  readonly replica: ReplicaId
}

/** Of these slots so much counts in absorbed slots, which the log raised in the same batch: a slot counts for what it is above. */
export interface FoldEntry {
  readonly kind: 'fold'
  /** Whose slots: the id that is folded, or that of what it absorbed. */
  readonly replica: ReplicaId
  /** One that the log used for no other fold. */
  readonly number: number
  /** Absolute totals, each key once. */
  readonly slots: readonly OperationCount[]
}

/** The ids are folded whole: their logs and their slots are gone, and what still comes of them is refused. */
export interface FenceEntry extends IdList<ReplicaId> {
  readonly kind: 'fence'
}

/** Slots of one fold, at most; and bytes of them: with what it raises it fits one batch. */
export const FOLD_SLOTS_MAX = 500
export const FOLD_BYTES_MAX = 20 * 1024
