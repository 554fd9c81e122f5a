import type { ReplicaId } from './ids.js'
import type { AdmissionEntry, OperationCount, SettlementEntry } from './operation-entry.js'
import type { OperationId } from './operation-id.js'

/** An operation that some log tells of. */
export interface Operation {
  readonly id: OperationId
  /** What it adds; undefined where only settlements tell of it. */
  counts: readonly OperationCount[] | undefined
  /** The hash of what it adds. */
  readonly lo: number
  readonly hi: number
  /** The logs that carry it. */
  carriers: readonly ReplicaId[]
  /** The settlements that name it: it counts in the absorbed slots of their logs. */
  settlers: readonly LogPoint[]
  /** Where logs that carried it dropped it, while it was settled. */
  drops: readonly LogPoint[]
  /** Whether its counts are in the table's totals beside the slots. */
  counted: boolean
}

/** All of a log below a clock. */
export interface LogPoint {
  readonly log: ReplicaId
  /** Infinity: it was read in a damaged log, and is held for certain once the log came again. */
  readonly clock: number
}

/** A settlement, and up to which clock its log holds it. */
export interface ArrivedSettlement extends LogPoint {
  readonly entry: SettlementEntry
}

/** What one log says of operations, as far as it acts. */
export interface LogLedger {
  /** Up to this clock of the log everything acts. */
  clock: number
  /** The operations that it carries, with the clock at which each is held with certainty. */
  readonly carried: Map<OperationId, number>
  readonly settlements: Map<number, { readonly entry: SettlementEntry; readonly clock: number }>
  /** Up to where what it dropped requires other logs. */
  readonly requires: Map<ReplicaId, number>
  admission: AdmissionEntry | undefined
  floorMs: number
}

const NO_LOGS: readonly ReplicaId[] = []
const NO_POINTS: readonly LogPoint[] = []

/** One that no log carries or settled yet. */
export function newOperation(
  id: OperationId,
  counts: readonly OperationCount[] | undefined,
  { lo, hi }: Pick<Operation, 'lo' | 'hi'>,
): Operation {
  return { id, counts, lo, hi, carriers: NO_LOGS, settlers: NO_POINTS, drops: NO_POINTS, counted: false }
}

export function withLog(logs: readonly ReplicaId[], log: ReplicaId): readonly ReplicaId[] {
  return logs.includes(log) ? logs : [...logs, log]
}

/** Each log once, at its latest point. */
export function withPoint(points: readonly LogPoint[], point: LogPoint): readonly LogPoint[] {
  return [...points.filter(({ log }) => log !== point.log), point]
}
