import { absorbedUnder, type Entry, type ReplicaId, saidAlone } from '@tallymesh/crdt'
import type { Room } from './room.js'

/** What a log says, its slots and what it carries besides, as far as no other sound log carries it: entries to adopt. */
export function* uncarried({ table, carried, forked, ledger }: Room, log: ReplicaId): IterableIterator<Entry> {
  for (const replica of [log, absorbedUnder(log)]) {
    for (const { key, p, n } of table.slotsOf(replica)) {
      const entry: Entry = { kind: 'adopted', replica, key, p, n }
      if ((p > 0 || n > 0) && !carried.covers(entry, log, forked)) yield entry
    }
  }
  yield* saidAlone(ledger, log)
  for (const entry of [...carried.of(log)]) {
    if (carried.covers(entry, log, forked)) continue
    if (entry.kind !== 'adopted') yield entry
    else yield { ...entry, ...table.slot(entry.replica, table.idOf(entry.key)) }
  }
}
