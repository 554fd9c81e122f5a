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
  /** The time of the ledger at which they came there, in ms. */
  openSinceMs: number
  /** Who tells of it has changed: it is to be weighed. */
  touched: boolean
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
  const unknown = { carriers: NO_LOGS, settlers: NO_POINTS, drops: NO_POINTS }
  return { id, counts, lo, hi, ...unknown, counted: false, openSinceMs: 0, touched: false }
}

let loneLog: readonly ReplicaId[] = NO_LOGS
let lonePoint: readonly LogPoint[] = NO_POINTS

export function withLog(logs: readonly ReplicaId[], log: ReplicaId): readonly ReplicaId[] {
  // An update says many things in one log, at one point of it: they share a list.
  if (loneLog[0] !== log) loneLog = [log]
  if (logs.length === 0) return loneLog
  return logs.includes(log) ? logs : [...logs, log]
}

export function withoutLog(logs: readonly ReplicaId[], log: ReplicaId): readonly ReplicaId[] {
  if (logs.length === 1 && logs[0] === log) return NO_LOGS
  return logs.filter(other => other !== log)
}

/** Each log once, at its latest point. */
export function withPoint(points: readonly LogPoint[], point: LogPoint): readonly LogPoint[] {
  if (lonePoint[0] !== point) lonePoint = [point]
  if (points.length === 0) return lonePoint
  return [...points.filter(({ log }) => log !== point.log), point]
}

export function withoutPoint(points: readonly LogPoint[], log: ReplicaId): readonly LogPoint[] {
  if (points.length === 1 && points[0]?.log === log) return NO_POINTS
  return points.filter(point => point.log !== log)
}
