import type { ReplicaId, StoreId } from '@tallymesh/crdt'

/** One change to what is stored of one log. Applied together with the other changes of its write, or not at all. */
export interface LogWrite {
  readonly log: ReplicaId
  /** A new record: a Yjs update whose first element has this clock. Clocks of a log's records ascend. */
  readonly append?: { readonly clock: number; readonly update: Uint8Array }
  /** The log's head moved to `clock`: records whose elements all lie below it are deleted; `update` replaces them
   *  (it carries the deletion of [0, clock)), so that what remains is contiguous from clock 0. */
  readonly head?: { readonly clock: number; readonly update: Uint8Array }
  /** Forget the log: all its records are deleted (before `append`, if there is one). */
  readonly drop?: true
}

/** One atomic, durable write. */
export interface StoreWrite {
  readonly logs: readonly LogWrite[]
  /** The write carries a commit of this store's own replica: stored beside the records, in the same atomic write. */
  readonly commit?: CommitMark
}

/** Which own commit this store holds last. `number` counts the own commits of the store, over all its replica ids. */
export interface CommitMark {
  readonly number: number
  readonly replica: ReplicaId
  /** The own log's clock after that commit. */
  readonly clock: number
}

/** What a store holds of one log: its updates in clock order, the head record first. */
export interface StoredLog {
  readonly log: ReplicaId
  readonly updates: readonly Uint8Array[]
  /** Says what is damaged, where something is; then `updates` holds the records that can still be read. */
  readonly damage?: string
}

/** Where a node keeps its logs. Every backend passes `storeSuite`. */
export interface Store {
  readonly id: StoreId
  /** The last own commit that is durable here, or undefined where there was none. */
  readonly lastCommit: CommitMark | undefined
  /** True when this open made the store: it holds nothing yet. */
  readonly created: boolean
  /** What opening found damaged, a sentence each. Empty: everything verified. */
  readonly damage: readonly string[]
  /** Every stored log, as read and verified at open. */
  load(): AsyncIterable<StoredLog>
  /** Makes all of `write` durable, atomically; resolves once it is. Writes are applied in the order of the calls.
   *  @throws TallymeshError STORE_WRITE_FAILED; from then on every write is refused until `reopen` */
  write(write: StoreWrite): Promise<void>
  /** Closes, opens and verifies again after a failed write; `lastCommit`, `damage` and `load` then tell what the disk
   *  really holds.
   *  @throws TallymeshError STORE_UNUSABLE or STORE_CORRUPT; may be called again */
  reopen(): Promise<void>
  /** Waits for the writes under way, then releases the directory. */
  close(): Promise<void>
}
