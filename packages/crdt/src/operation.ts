import type { CarriedOperations } from './carried-operations.js'
import type { ReplicaId } from './ids.js'
import { type AdmissionEntry, hashCounts, type OperationCount, type SettlementEntry } from './operation-entry.js'
import type { OperationId } from './operation-id.js'

/** An operation that some log tells of. */
export interface Operation {
  readonly id: OperationId
  /** What it adds; undefined where only settlements tell of it. */
  counts: readonly OperationCount[] | undefined
  /** The hash of what it adds, once it was settled or somebody asked: see `hashOf`. */
  hash: OperationHash | undefined
  /** The logs that carry it, and where each is held with certainty. */
  carriers: readonly LogPoint[]
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

/** The hash of what an operation adds, as two signed 32-bit numbers. */
export interface OperationHash {
  readonly lo: number
  readonly hi: number
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

/** A settlement that acts. */
export interface Settlement {
  readonly entry: SettlementEntry
  readonly clock: number
  /** What it names: to look them up again when it is forgotten would cost as much as all before. */
  readonly operations: readonly Operation[]
}

/** What one log says of operations, as far as it acts. */
export interface LogLedger {
  /** Up to this clock of the log everything acts. */
  clock: number
  readonly carried: CarriedOperations
  readonly settlements: Map<number, Settlement>
  /** Up to where what it dropped requires other logs. */
  readonly requires: Map<ReplicaId, number>
  admission: AdmissionEntry | undefined
  floorMs: number
}

const NO_POINTS: readonly LogPoint[] = []

/** One that no log carries or settled yet. */
export function newOperation(
  id: OperationId,
  counts: readonly OperationCount[] | undefined,
  hash: OperationHash | undefined,
): Operation {
  const unknown = { carriers: NO_POINTS, settlers: NO_POINTS, drops: NO_POINTS }
  return { id, counts, hash, ...unknown, counted: false, openSinceMs: 0, touched: false }
}

/** The hash of what an operation adds. */
export function hashOf(operation: Operation): OperationHash {
  operation.hash ??= hashCounts(operation.counts ?? [])
  return operation.hash
}

/** The point of a log among others. */
export function pointOf(points: readonly LogPoint[], log: ReplicaId): LogPoint | undefined {
  for (const point of points) if (point.log === log) return point
  return undefined
}

let lonePoint: readonly LogPoint[] = NO_POINTS

/** Each log once, at its latest point. */
export function withPoint(points: readonly LogPoint[], point: LogPoint): readonly LogPoint[] {
  // An update says many things at one point of its log: they share a list.
  if (lonePoint[0] !== point) lonePoint = [point]
  if (points.length === 0) return lonePoint
  return [...points.filter(({ log }) => log !== point.log), point]
}

export function withoutPoint(points: readonly LogPoint[], log: ReplicaId): readonly LogPoint[] {
  if (points.length === 1 && points[0]?.log === log) return NO_POINTS
  return points.filter(point => point.log !== log)
}
