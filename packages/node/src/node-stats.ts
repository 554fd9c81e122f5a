import { showReplicaId } from '@tallymesh/crdt'
import { FRAME_HELLO, FRAME_REFUSAL, type FrameCount } from '@tallymesh/link'
import { type FoldState, KIND, type OperationFigures } from '@tallymesh/replica'
import type { Store } from '@tallymesh/store'
import type { Engine } from './engine.js'
import type { Network } from './network.js'

/** Frames of one kind in one direction since the node opened, over all its links. */
export interface FrameStats extends Omit<FrameCount, 'kind'> {
  /** hello, refusal, clocks, sync, durable, ping, members, stand, or unknown. */
  readonly kind: string
}

/** How far the fold of a replica id is under which nobody counts any more, as this node sees it: `retired`, until one node claims it;
 *  `claimed`, until every member knows that, or another node folds it; `folding`, while this node does; `folded`, while what turns up
 *  of it still counts; `full` where a slot of it fits into no other, which ends at 2^53 − 1. */
export type RetiredState = FoldState['state']

/** Replica ids under which nobody counts any more: of restarts, of members that were removed, of forked logs. */
export interface FoldingStats {
  /** How many are in each state. */
  readonly states: Readonly<Record<RetiredState, number>>
  /** The first 100 of them, in hexadecimal. */
  readonly retired: ReadonlyArray<{ readonly replica: string; readonly state: RetiredState }>
  /** How many ids were folded whole: a fence is all that is left of them. */
  readonly folded: number
  /** Names of the members that are away, where folding waits for them. */
  readonly waitsFor: readonly string[]
  /** Updates of ids folded whole that were refused since the node opened. */
  readonly refused: number
  /** Ids of which something counted here still, as on a disk that was away, when this node learned that they were folded whole. It
   *  counts no more: what no other node knew of it is lost. */
  readonly missed: number
}

const RETIRED_MAX = 100

/** Figures of a node, for operators and tests. */
export interface NodeStats {
  /** The live replica id, in hexadecimal; undefined until the node counts for the first time. */
  readonly replica: string | undefined
  readonly keys: number
  readonly logs: number
  /** Yjs structs over all logs: what memory and start time depend on. */
  readonly structs: number
  /** Commits of this data directory so far. */
  readonly commits: number
  readonly links: number
  /** How often commits went on under another replica id than the one before, that of an earlier process included. */
  readonly replicaChanges: number
  /** Totals over all counters and replica ids. */
  readonly slots: number
  /** Replica ids with two histories. */
  readonly forks: number
  /** Batches that linked peers are known to hold and this node lacks. */
  readonly behind: number
  /** Counters with counts that are in no batch yet. */
  readonly pending: number
  /** Entries in all own commits since the node opened. */
  readonly commitEntries: number
  /** Bytes of all own commits since the node opened. */
  readonly commitBytes: number
  readonly frames: readonly FrameStats[]
  /** Counts with an id. */
  readonly operations: OperationFigures
  /** Ids under which nobody counts any more, and those that are folded. */
  readonly folding: FoldingStats
}

export function nodeStats(engine: Engine, store: Store, network: Network): NodeStats {
  const { room, commits } = engine.replica
  let structs = 0
  for (const log of room.logs.values()) structs += log.structs
  return {
    replica: commits.replica === undefined ? undefined : showReplicaId(commits.replica),
    keys: room.table.size,
    logs: room.logs.size,
    structs,
    commits: store.lastCommit?.number ?? 0,
    links: network.links,
    replicaChanges: engine.figures.replicaChanges,
    slots: engine.figures.slots,
    forks: engine.figures.forks,
    behind: engine.behind,
    pending: engine.figures.pending,
    commitEntries: engine.figures.commitEntries,
    commitBytes: engine.figures.commitBytes,
    frames: frameStats(network.traffic.counts()),
    operations: engine.replica.operations.figures,
    folding: foldingStats(engine),
  }
}

function foldingStats({ replica, figures }: Engine): FoldingStats {
  const { retired, folded, waitsFor } = replica.operations.folding.figures
  const states = { retired: 0, claimed: 0, folding: 0, folded: 0, full: 0 }
  for (const { state } of retired) states[state]++
  const shown = retired.slice(0, RETIRED_MAX).map(({ replica, state }) => ({ replica: showReplicaId(replica), state }))
  return { states, retired: shown, folded, waitsFor, refused: figures.refusedFolded, missed: figures.missedFolds }
}

/** Counts by name; kinds that nobody knows, of later versions or of strangers, together. */
export function frameStats(counts: readonly FrameCount[]): FrameStats[] {
  const sums = new Map<string, { -readonly [Key in keyof FrameStats]: FrameStats[Key] }>()
  for (const { direction, kind: number, frames, bytes } of counts) {
    const kind = nameOf(number)
    let sum = sums.get(`${direction} ${kind}`)
    if (!sum) sums.set(`${direction} ${kind}`, (sum = { direction, kind, frames: 0, bytes: 0 }))
    sum.frames += frames
    sum.bytes += bytes
  }
  return [...sums.values()]
}

function nameOf(kind: number): string {
  const known = { hello: FRAME_HELLO, refusal: FRAME_REFUSAL, ...KIND }
  return Object.entries(known).find(([, its]) => its === kind)?.[0] ?? 'unknown'
}
