import { absorbedUnder, type ReplicaId } from '@tallymesh/crdt'
import type { Room } from './room.js'

/** Bytes of one update that is taken over, about. */
const TAKEN_OVER_BYTES = 256 * 1024

/** Takes over what a room whose disk failed held of others' logs and the disk does not: it may have been shown, and no value
 *  falls. Of what it held in part, or forgot to fetch it again, the totals stay.
 *  @param own ids that it wrote under: of those nothing counts that the disk does not have */
export function takeOverRoom(room: Room, old: Room, own: readonly (ReplicaId | undefined)[]): void {
  const without = [...own.filter(id => id !== undefined), ...room.forked, ...old.forked]
  const excluded = new Set(without.flatMap(id => [id, absorbedUnder(id)]))
  for (const held of old.logs.values()) {
    if (excluded.has(held.id)) continue
    const log = room.log(held.id)
    while (held.complete && log.clock < held.clock) {
      const verdict = log.check(held.diff(log.clock, TAKEN_OVER_BYTES).bytes)
      if (verdict.verdict !== 'new') break
      room.apply(log, verdict)
    }
  }
  for (const id of old.table.replicas()) {
    if (excluded.has(id)) continue
    for (const { key, p, n } of old.table.slotsOf(id)) {
      if (room.table.merge(id, room.table.idOf(key), p, n)) room.begunAnew.add(id)
    }
  }
}
