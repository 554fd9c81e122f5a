import type { BatchVersion, Random, StoreId } from '@tallymesh/crdt'

export interface ReplicaOptions {
  readonly name: string
  readonly store: StoreId
  /** Random for each process; the same that hellos carry. */
  readonly instance: string
  /** Where others can dial this node. */
  readonly urls: readonly string[]
  /** Seeds: URLs that count as members until they were reached. */
  readonly seeds: readonly string[]
  readonly random: Random
  /** Own commits of this store so far: the number of its last commit mark, or 0. */
  readonly lastNumber: number
  /** Of the batches that it writes; default 1. */
  readonly batchVersion?: BatchVersion
  readonly heartbeatMs: number
  readonly antiEntropyMs: number
  /** Bytes of an update in one frame, about; default 32 KiB. */
  readonly updateBytesMax?: number
  /** Operations that may be open before new ones are refused, and that are remembered before settled ones whose ids carry a time are
   *  forgotten early; default 500,000. */
  readonly operationsMax?: number
  /** How long after an operation was first known here its retries are recognized, at least; default 10 minutes. */
  readonly retryWindowMs?: number
  /** For how long nobody counts under a replica id before it is folded into another; default 60 s. */
  readonly foldAfterMs?: number
  /** For how long the slots of a folded id are remembered: what turns up of them on a disk that was away still counts then; default
   *  24 hours. */
  readonly foldGraceMs?: number
  /** Entries of one commit, at most: what bounds the time that forming it takes. 100 or more; default 2,048. */
  readonly commitEntriesMax?: number
  /** Removed members of which a log keeps names and addresses; once it holds more, only their stores are listed. Default 16. */
  readonly removedKeptMax?: number
}
