import type { ReplicaId } from './ids.js'

/** One change to what is stored of one log, applied in this order: `drop`, `append`, `head`. Applied together with the other
 *  changes of its write, or not at all. The bytes must not change until the write settles. */
export interface LogWrite {
  readonly log: ReplicaId
  /** Forget the log: all its records are deleted. */
  readonly drop?: true
  /** A new record: an update whose first new element has this clock. Clocks of a log's records ascend. */
  readonly append?: { readonly clock: number; readonly update: Uint8Array }
  /** The log's head moved to `clock`: records whose elements all lie below it are deleted; `update` replaces them (it carries
   *  the deletion of [0, clock)), so that what remains is contiguous from clock 0. A record ends where the next one
   *  starts; the store does not know where the last one ends, so that one stays. */
  readonly head?: { readonly clock: number; readonly update: Uint8Array }
}

/** Which own commit a store holds last. */
export interface CommitMark {
  /** Counts the own commits of the store, over all its replica ids. */
  readonly number: number
  readonly replica: ReplicaId
  /** The own log's clock after that commit. */
  readonly clock: number
  /** The own log's tip after that commit: it tells two histories with the same numbers apart. 0 where it is not known. */
  readonly tip: number
  /** The own log's tip before that commit; 0 where the commit began the log, and where it is not known. */
  readonly before: number
}

/** What a store holds of one log: its updates in clock order, the head record first. */
export interface StoredLog {
  readonly log: ReplicaId
  readonly updates: readonly Uint8Array[]
  /** Says what is damaged, where something is; then `updates` holds the records that can still be read. */
  readonly damage?: string
}
