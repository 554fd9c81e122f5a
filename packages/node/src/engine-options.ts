import type { TallymeshError } from '@tallymesh/crdt'
import type { ReplicaOptions } from '@tallymesh/replica'
import type { Store, WitnessPort } from '@tallymesh/store'
import type { Host } from './host.js'

export interface EngineEvents {
  member(member: { store: string; name: string; state: 'up' | 'suspect' | 'down' }): void
  report(error: TallymeshError): void
  /** Something became durable, or came from a peer. */
  progressed(): void
  /** The disk failed: links end now, and everything is rebuilt from what the disk holds. */
  recovering(cause: TallymeshError): void
  recovered(): void
  /** The node cannot go on. */
  fatal(error: TallymeshError): void
  /** Whether `committed` is to be called: only then commits are timed. */
  readonly wantsCommits?: () => boolean
  /** After each durable own commit. */
  readonly committed?: (commit: CommitFigures) => void
}

/** Figures of one durable own commit. */
export interface CommitFigures {
  /** Totals that it changed, and member records and adopted slots that it carries. */
  readonly entries: number
  /** Of its update, as it is stored and sent. */
  readonly bytes: number
  /** In the store's write, the sync included. */
  readonly writeMs: number
  /** From forming it to acknowledging it. */
  readonly totalMs: number
}

export interface EngineOptions {
  readonly replica: Omit<ReplicaOptions, 'lastNumber'>
  readonly store: Store
  readonly witness: WitnessPort
  readonly host: Host
  /** Whether anything was configured to dial. Default: whether there are seeds. */
  readonly dials?: boolean
  readonly repair: boolean
  readonly replicasTimeoutMs: number
  readonly events: EngineEvents
}
