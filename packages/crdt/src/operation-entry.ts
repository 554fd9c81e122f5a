import * as encoding from 'lib0/encoding'
import type { CounterKey } from './counter-key.js'
import { hashBytes } from './digest.js'
import type { ReplicaId, StoreId } from './ids.js'
import type { OperationId } from './operation-id.js'
import { writeText } from './text.js'

/** What an operation adds to one key. */
export interface OperationCount {
  readonly key: CounterKey
  readonly p: number
  readonly n: number
}

/** An operation that the log's replica accepted: it counts once, however many logs carry it. */
export interface OperationEntry {
  readonly kind: 'operation'
  readonly id: OperationId
  /** In the order of their keys, each key once. */
  readonly counts: readonly OperationCount[]
}

/** An operation that counts in absorbed slots now, and a hash of what it added: a retry with another payload is told from one
 *  with the same. */
export interface SettledOperation {
  readonly id: OperationId
  readonly lo: number
  readonly hi: number
}

/** The mark of operations that the log's replica moved into its absorbed slots, in the same batch. It takes the place of
 *  their entries in this log. */
export interface SettlementEntry {
  readonly kind: 'settlement'
  /** Counts up within the log. */
  readonly number: number
  readonly operations: readonly SettledOperation[]
}

/** What the log's replica took over on one key from operations: absolute totals, beside its own slot. */
export interface AbsorbedEntry {
  readonly kind: 'absorbed'
  readonly key: CounterKey
  readonly p: number
  readonly n: number
}

/** What this log drops counts elsewhere: it may be left out only by who holds the log `log` up to `clock`. */
export interface RequiresEntry {
  readonly kind: 'requires'
  readonly log: ReplicaId
  readonly clock: number
}

/** Of operations made up to this time settlements may be forgotten: who does not know them refuses them. */
export interface FloorEntry {
  readonly kind: 'floor'
  readonly timeMs: number
}

/** The log's replica takes operations, or wants to: only once every member is known to know of it, and it knows what they know. */
export interface AdmissionEntry {
  readonly kind: 'admission'
  readonly store: StoreId
  readonly admitted: boolean
}

/** Keys of one operation, at most. */
export const OPERATION_COUNTS_MAX = 1_000
/** Bytes of the counts of one operation, at most: with its absorbed slots it fits one batch. */
export const OPERATION_BYTES_MAX = 24 * 1024
/** Operations in one settlement, at most: as many as a commit may bring. */
export const SETTLEMENT_MAX = 2_048

/** Bytes of the counts of an operation, as they are written: what bounds them. */
export function countsBytes(counts: readonly OperationCount[]): number {
  return encoded(counts).length
}

/** The hash of what an operation adds, as two signed 32-bit numbers. */
export function hashCounts(counts: readonly OperationCount[]): { readonly lo: number; readonly hi: number } {
  return hashBytes(encoded(counts))
}

const scratch = encoding.createEncoder()

/** The counts as they are written; valid until the next call. */
function encoded(counts: readonly OperationCount[]): Uint8Array {
  scratch.bufs = []
  scratch.cpos = 0
  writeCounts(scratch, counts)
  return scratch.bufs.length === 0 ? scratch.cbuf.subarray(0, scratch.cpos) : encoding.toUint8Array(scratch)
}

export function writeCounts(encoder: encoding.Encoder, counts: readonly OperationCount[]): void {
  encoding.writeVarUint(encoder, counts.length)
  for (const count of counts) writeCount(encoder, count)
}

export function writeCount(encoder: encoding.Encoder, { key, p, n }: OperationCount): void {
  writeText(encoder, key)
  encoding.writeVarUint(encoder, p)
  encoding.writeVarUint(encoder, n)
}
