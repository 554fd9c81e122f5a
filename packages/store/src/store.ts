import type { CommitMark, LogWrite, StoredLog, StoreId } from '@tallymesh/crdt'

/** One atomic, durable write. */
export interface StoreWrite {
  readonly logs: readonly LogWrite[]
  /** The write carries a commit of this store's own replica: stored beside the records, in the same atomic write. */
  readonly commit?: CommitMark
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
  /** Every stored log, as of the moment of the first read; later writes do not show. May be called again.
   *  @throws TallymeshError STORE_CLOSED, also when the store is closed or reopened while it is read; STORE_WRITE_FAILED
   *  between a failed write and `reopen`; STORE_UNUSABLE where the disk cannot be read */
  load(): AsyncIterable<StoredLog>
  /** Makes all of `write` durable, atomically; resolves once it is. Writes are applied in the order of the calls.
   *  @throws TallymeshError STORE_WRITE_FAILED; from then on every write is refused until `reopen`. INVALID_OPTION for a
   *  record whose clock does not ascend: this write alone is refused and stores nothing */
  write(write: StoreWrite): Promise<void>
  /** Closes, opens and verifies again after a failed write; `lastCommit`, `damage` and `load` then tell what the disk
   *  really holds.
   *  @throws TallymeshError STORE_UNUSABLE or STORE_CORRUPT; may be called again */
  reopen(): Promise<void>
  /** Waits for the writes under way, then releases the directory. */
  close(): Promise<void>
}
