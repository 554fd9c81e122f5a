import { type LogPoint, type OtherEntry, type ReplicaId, saidAlone } from '@tallymesh/crdt'
import type { Commits } from './commits.js'
import type { Room } from './room.js'

/** Entries that are carried over in one go. */
const CARRIED_MAX = 500

/** What the log of an id that is folded says of operations and other folds, and the own log does not say yet. What it settled and
 *  folded counts in what it absorbed: so its log is required, and those that settled what it carries. */
export function takenOver(room: Room, own: ReplicaId, id: ReplicaId): OtherEntry[] {
  const { ledger } = room
  const said = ledger.logs.get(id)
  const alone = [...saidAlone(ledger, id, own)]
  const required: LogPoint[] = alone.length > 0 ? [{ log: id, clock: ledger.clockOf(id) }] : []
  for (const { settlers } of said?.carried ?? []) required.push(...settlers)
  for (const [log, clock] of said?.requires ?? []) required.push({ log, clock })
  return [...requiring(room, own, required), ...alone]
}

/** What the own log has to say to require points of other logs: nothing where it does already, or where nothing can be required. */
export function requiring(room: Room, own: ReplicaId, points: readonly LogPoint[]): OtherEntry[] {
  const { ledger } = room
  const required = new Map<ReplicaId, number>()
  for (const point of points) {
    const since = ledger.folds.since(point)
    // What a damaged log told of stands at no clock.
    if (since && Number.isFinite(since.clock))
      required.set(since.log, Math.max(since.clock, required.get(since.log) ?? 0))
  }
  const said = ledger.logs.get(own)?.requires
  const isNew = ([log, clock]: [ReplicaId, number]) =>
    log !== own && !room.isClosed(log) && clock > (said?.get(log) ?? 0)
  return [...required].filter(isNew).map(([log, clock]) => ({ kind: 'requires', log, clock }))
}

/** Carries what the log of an id tells of others, and the own one does not. Answers whether there was something. */
export function carryOn(room: Room, commits: Commits, id: ReplicaId): boolean {
  const { replica: own } = commits
  let count = 0
  for (const entry of room.carried.of(id)) {
    if (own === undefined || concernsOver(room, entry) || room.carried.says(own, entry)) continue
    if (entry.kind === 'adopted') commits.adopt(entry)
    else commits.carry(entry)
    if (++count >= CARRIED_MAX) break
  }
  return count > 0
}

/** Whether an entry is about an id that is folded whole: nobody needs it any more. */
export function concernsOver(room: Room, entry: OtherEntry): boolean {
  return (entry.kind === 'fork' || entry.kind === 'adopted') && room.isOver(entry.replica)
}
