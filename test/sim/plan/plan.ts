import type { Command, NodeName } from './command.js'

/** What a simulated room is made of. */
export interface RoomSpec {
  /** The nodes that are there from the start. */
  readonly nodes: readonly NodeName[]
  readonly heartbeatMs: number
  readonly antiEntropyMs: number
  /** A link's ordinary delay, ms, drawn anew for each frame between these. */
  readonly delayMs: readonly [min: number, max: number]
  /** A disk's ordinary time for a synced write, ms, drawn anew for each between these. */
  readonly syncMs: readonly [min: number, max: number]
  /** The keys that work may count on. */
  readonly keys: readonly string[]
  /** Every add on a key has an amount of its own, a power of two: a total then names exactly what was counted. */
  readonly distinct: boolean
  /** How many entries a commit takes; what real nodes take where it does not stand. A few: commits of several parts are many. */
  readonly commitEntriesMax?: number
  /** How many bytes of updates an answer holds before the rest has to be asked for anew; drawn from the seed where it does not stand. With
   *  few, nearly each commit is asked for, and what a node says of it is there before it is. */
  readonly answerBytesMax?: number
  /** How long retries of operations are recognized, ms; what real nodes take where it does not stand. */
  readonly retryWindowMs?: number
  /** How many operations nodes remember; what real nodes take where it does not stand. */
  readonly operationsMax?: number
  /** For how long an id is nobody's before it is folded, ms; nothing is folded where it does not stand. */
  readonly foldAfterMs?: number
  /** For how long what was folded is remembered, ms. */
  readonly foldGraceMs?: number
  /** Releases of the nodes at the start, by name; 2 where none stands. */
  readonly releases?: Readonly<Record<NodeName, 1 | 2>>
}

export interface PlannedEvent {
  /** Virtual time since the room started, ms; events stand in this order. */
  readonly atMs: number
  readonly command: Command
}

/** All that a run does, spelled out: drawn from a seed once, then repeated, shrunk and kept as text. */
export interface Plan {
  /** Delays, ties and the like are drawn from it by name, also where events were taken away. */
  readonly seed: number
  readonly room: RoomSpec
  readonly events: readonly PlannedEvent[]
}
