import type { ReplicaId, StoreId, TallymeshError } from '@tallymesh/crdt'
import type { NodeName } from './plan/command.js'
import type { SimDisk } from './storage/sim-disk.js'

/** One call that counts: an add, a group, or each turn of many. Its entries count together or not at all. */
export interface Operation {
  readonly id: number
  readonly node: NodeName
  /** Which process of the node: they are numbered from 1. */
  readonly life: number
  readonly entries: ReadonlyArray<{ readonly key: string; readonly amount: number }>
  readonly replicas: number | 'majority'
  /** Where the commits ended that its process had formed when it began: its own lies behind. Only where it asks for other stores,
   *  and the process had an id. */
  readonly began?: { readonly log: ReplicaId; readonly clock: number }
  /** Its caller looks for the outcome only a while after that is known. */
  readonly endsLate?: boolean
}

/** A call with an operation id. */
export interface OperationCall {
  /** Of the operation, the same for all its calls. */
  readonly number: number
  readonly node: NodeName
  readonly life: number
  readonly key: string
  readonly amount: number
}

/** How a call ended. `ok`, `NOT_REPLICATED`: it is counted; `position` is where the node's acknowledged commits ended then.
 *  `INDETERMINATE`: perhaps. Any other code: it is not counted. */
export interface Outcome {
  readonly operation: Operation
  readonly code: string
  readonly position: string
  /** Those of all nodes in the room at that moment; only where it asked for other stores. */
  readonly disks?: ReadonlyMap<NodeName, SimDisk>
}

/** The totals that a reader is told. */
export interface Reading {
  readonly node: NodeName
  readonly life: number
  readonly key: string
  readonly increments: bigint
  readonly decrements: bigint
}

/** A frame that leaves a node. */
export interface SentFrame {
  readonly node: NodeName
  readonly life: number
  readonly store: StoreId
  readonly disk: SimDisk
  readonly kind: number
  readonly body: Uint8Array
}

/** Why disks hold less than before. */
export type Loss = 'rollback' | 'wipe' | 'restore' | 'flip' | 'remove' | 'power'

/** What watches a simulated room: the world tells it everything, and it never changes the world. Each method may throw: that
 *  ends the run as a failure. */
export interface Observer {
  started(node: NodeName, life: number): void
  attempted(operation: Operation): void
  ended(outcome: Outcome): void
  read(reading: Reading): void
  operated(call: OperationCall): void
  operationEnded(call: OperationCall, code: string): void
  /** The process is gone; calls that did not end by then never will. */
  stopped(node: NodeName, life: number): void
  /** A write failed: what was counted and not durable may be gone within the same process's life. */
  recovering(node: NodeName, life: number): void
  /** A disk lost something. `disks` are those of every node now, by name, up or down. */
  lost(why: Loss, node: NodeName, disks: ReadonlyMap<NodeName, SimDisk>): void
  /** A node takes itself out of the room: from now on others may count without it. */
  leaving(node: NodeName): void
  /** It is out, and its disk with it; all others hold what it held. `disks` are theirs. */
  left(node: NodeName, disks: ReadonlyMap<NodeName, SimDisk>): void
  /** A process was set back to an earlier memory. @param boots how many reboots of its machine that took back */
  restored(node: NodeName, boots: number): void
  sent(frame: SentFrame): void
  /** `disks` are all, as they are in that moment. */
  reported(node: NodeName, life: number, error: TallymeshError, disks: ReadonlyMap<NodeName, SimDisk>): void
}
