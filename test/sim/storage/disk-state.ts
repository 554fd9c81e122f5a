import {
  type CommitMark,
  decodeBatch,
  decodeLogUpdate,
  type LogWrite,
  type ReplicaId,
  ReplicaLog,
  Table,
} from '@tallymesh/crdt'
import { Cursor } from '../check/cursor.js'
import { updateEnd } from '../check/update-end.js'

/** A stored update, with the clock at which it starts. */
export interface DiskRecord {
  readonly clock: number
  readonly update: Uint8Array
  /** A bit of it flipped: it fails its checksum when it is read. */
  readonly flipped?: true
}

/** The records of one log. Never changed. */
export interface DiskLog {
  readonly head: DiskRecord | undefined
  readonly records: readonly DiskRecord[]
}

/** What a disk holds at one moment. Never changed: an earlier one can be put back at any time. */
export interface DiskState {
  readonly logs: ReadonlyMap<ReplicaId, DiskLog>
  readonly mark: CommitMark | undefined
}

export const EMPTY_DISK: DiskState = { logs: new Map(), mark: undefined }

/** Records never change, so what they add up to is read once. */
const CLOCKS = new WeakMap<DiskLog, number>()
const CURSOR = new Cursor()
const WHOLE = new WeakMap<DiskLog, number>()
const FENCES = new WeakMap<DiskLog, ReadonlySet<ReplicaId>>()
const NO_KEYS = { findKey: () => undefined }

/** The state after a write. */
export function written(state: DiskState, writes: readonly LogWrite[], commit: CommitMark | undefined): DiskState {
  const logs = new Map(state.logs)
  for (const write of writes) {
    const log = changed(write, write.drop ? undefined : logs.get(write.log))
    if (log) logs.set(write.log, log)
    else logs.delete(write.log)
  }
  return { logs, mark: commit ?? state.mark }
}

/** Every record, in an order that depends on nothing but the state. */
export function recordsOf(log: DiskLog): readonly DiskRecord[] {
  return log.head ? [log.head, ...log.records] : log.records
}

/** The clock up to which a log is stored. */
export function clockOf(stored: DiskLog | undefined): number {
  if (!stored) return 0
  let clock = CLOCKS.get(stored)
  if (clock === undefined) {
    const last = stored.records.at(-1)
    clock = last ? updateEnd(CURSOR.over(last.update)) : (stored.head?.clock ?? 0)
    CLOCKS.set(stored, clock)
  }
  return clock
}

/** The clock up to which nothing of a log is missing: what a catch-up left open lies behind it. Nothing, where a bit flipped: a total
 *  that it took stands for all that the log said of that key before, and who runs may delete the older ones yet. */
export function wholeClockOf(log: ReplicaId, stored: DiskLog | undefined): number {
  if (!stored) return 0
  let whole = WHOLE.get(stored)
  if (whole === undefined) {
    const read = new ReplicaLog(log, new Table())
    const records = recordsOf(stored)
    whole = 0
    for (const { update } of isFlipped(stored) ? [] : records) {
      const verdict = read.check(update)
      if (verdict.verdict === 'new') read.apply(verdict, () => {})
      if (read.complete) whole = read.clock
    }
    WHOLE.set(stored, whole)
  }
  return whole
}

/** Whether a bit of a log flipped. */
export function isFlipped(stored: DiskLog): boolean {
  return recordsOf(stored).some(({ flipped }) => flipped)
}

/** The ids that a log says are folded whole: all that they counted is held with it. */
export function fencesOf(log: ReplicaId, stored: DiskLog): ReadonlySet<ReplicaId> {
  let fences = FENCES.get(stored)
  if (!fences) FENCES.set(stored, (fences = new Set(readFences(log, stored))))
  return fences
}

function* readFences(log: ReplicaId, stored: DiskLog): Generator<ReplicaId> {
  for (const { update, flipped } of recordsOf(stored)) {
    if (flipped) continue
    for (const element of decodeLogUpdate(log, update).elements) {
      for (const { entry } of decodeBatch(element, NO_KEYS).entries) if (entry.kind === 'fence') yield* entry.ids
    }
  }
}

function changed({ append, head }: LogWrite, old: DiskLog | undefined): DiskLog | undefined {
  let records = old?.records ?? []
  if (append) records = [...records, append]
  if (head) {
    const kept = records.findIndex((_, i) => (records[i + 1]?.clock ?? Number.POSITIVE_INFINITY) > head.clock)
    if (kept > 0) records = records.slice(kept)
  }
  const headRecord = head ?? old?.head
  return records.length > 0 || headRecord ? { head: headRecord, records } : undefined
}
