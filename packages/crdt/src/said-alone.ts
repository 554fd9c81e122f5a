import type { ReplicaId } from './ids.js'
import type { Ledger } from './ledger.js'
import type { LedgerEntry } from './ledger-entry.js'
import { adoptedNumber } from './ledger-ids.js'
import { operationTimeMs } from './operation-id.js'

/** What of operations and folds a log says alone: entries for another log to carry, when it is frozen or folded.
 *  @param folder the log that folds this one, which is held whole: what that does not say itself; else what no other sound log says */
export function* saidAlone(ledger: Ledger, log: ReplicaId, folder?: ReplicaId): IterableIterator<LedgerEntry> {
  const said = ledger.logs.get(log)
  const isOther = (other: ReplicaId) =>
    folder === undefined ? other !== log && ledger.isSound(other) : other === folder
  // Operations may stay open that are older than a floor: it tells only what this node may have missed.
  const floorMs = ledger.isDoubted(log) ? ledger.floorMs : 0
  for (const { id, counts, carriers, settlers } of said?.carried ?? []) {
    if (!counts || carriers.some(({ log: carrier }) => isOther(carrier)) || settlers.length > 0) continue
    if ((operationTimeMs(id) ?? Number.POSITIVE_INFINITY) <= floorMs) continue
    yield { kind: 'operation', id, counts }
  }
  for (const [number, { entry }] of said?.settlements ?? []) {
    const operations = entry.operations.filter(
      ({ id }) => !ledger.operations.get(id)?.settlers.some(({ log: settler }) => isOther(settler)),
    )
    if (operations.length > 0) yield { kind: 'settlement', number: adoptedNumber(log, number), operations }
  }
  // Most logs have none: the others need no look.
  if (said && said.floorMs > 0 && said.floorMs > floorOf(ledger, isOther)) yield { kind: 'floor', timeMs: said.floorMs }
  yield* ledger.folds.saidAlone(log, isOther, folder)
}

function floorOf(ledger: Ledger, isOther: (log: ReplicaId) => boolean): number {
  let floor = 0
  for (const [log, { floorMs }] of ledger.logs) if (floorMs > floor && isOther(log)) floor = floorMs
  return floor
}
