import type { BatchVersion, Random, StoreId } from '@tallymesh/crdt'
import type { Member } from './membership.js'

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
  /** Entries of one commit, at most: what bounds the time that forming it takes. 100 or more; default 2,048. */
  readonly commitEntriesMax?: number
}

/** A member with how far it is behind this node. */
export interface MemberView extends Member {
  /** Batches of this node's own log that the member has not confirmed as durable. */
  readonly lag: number
  readonly phi: number
}
