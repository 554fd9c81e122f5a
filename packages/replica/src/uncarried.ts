import {
  type AdoptedEntry,
  absorbedUnder,
  type CounterKey,
  decodeBatch,
  type OtherEntry,
  type ReplicaId,
  type ReplicaLog,
  saidAlone,
} from '@tallymesh/crdt'
import type { Room } from './room.js'

/** What a log says, its slots and what it carries besides, as far as no other sound log carries it: entries to adopt. */
export function* uncarried(room: Room, log: ReplicaId): IterableIterator<OtherEntry> {
  const { table, carried, forked, ledger } = room
  yield* uncarriedSlots(room, log, () => NO_SLOT)
  yield* saidAlone(ledger, log)
  for (const entry of [...carried.of(log)]) {
    if (carried.covers(entry, log, forked)) continue
    if (entry.kind !== 'adopted') yield entry
    else yield { ...entry, ...table.slot(entry.replica, table.idOf(entry.key)) }
  }
}

/** What the table knows of the slots of a log, and neither the log says, as it is held now, nor any other: entries to adopt. O(log) */
export function unsaid(room: Room, log: ReplicaLog): IterableIterator<AdoptedEntry> {
  const said = saidBy(log)
  return uncarriedSlots(room, log.id, (kind, key) => said[kind].get(key) ?? NO_SLOT)
}

/** Whether others adopted more of the slots of a log than it says: two histories of it exist. O(log), where anything of it is adopted */
export function isOutdone({ carried }: Room, log: ReplicaLog): boolean {
  const adopted = [...carried.adoptedOf(log.id)]
  if (adopted.length === 0) return false
  const said = saidBy(log).slot
  return adopted.some(({ key, p, n }) => p > (said.get(key) ?? NO_SLOT).p || n > (said.get(key) ?? NO_SLOT).n)
}

/** The totals that stand in a log, as it is held now. */
function saidBy(log: ReplicaLog): Readonly<Record<'slot' | 'absorbed', ReadonlyMap<CounterKey, Totals>>> {
  const said = { slot: new Map<CounterKey, Totals>(), absorbed: new Map<CounterKey, Totals>() }
  for (let clock = log.head; clock < log.clock; clock++) {
    for (const { entry } of decodeBatch(log.element(clock), log.known).entries) {
      if (entry.kind === 'slot' || entry.kind === 'absorbed') said[entry.kind].set(entry.key, entry)
    }
  }
  return said
}

interface Totals {
  readonly p: number
  readonly n: number
}

const NO_SLOT: Totals = { p: 0, n: 0 }

/** @param said what need not be carried of a slot */
function* uncarriedSlots(
  { table, carried, forked }: Room,
  log: ReplicaId,
  said: (kind: 'slot' | 'absorbed', key: CounterKey) => Totals,
): IterableIterator<AdoptedEntry> {
  for (const [kind, replica] of [['slot', log] as const, ['absorbed', absorbedUnder(log)] as const]) {
    for (const { key, p, n } of table.slotsOf(replica)) {
      const known = said(kind, key)
      const entry: AdoptedEntry = { kind: 'adopted', replica, key, p, n }
      if ((p > known.p || n > known.n) && !carried.covers(entry, log, forked)) yield entry
    }
  }
}
