import { showReplicaId, type TableSnapshot } from '@tallymesh/crdt'
import { type Host, nextTurn } from './host.js'

/** What one replica id counted on one counter. */
export interface ExportedSlot {
  readonly key: string
  /** In hexadecimal. */
  readonly replica: string
  /** Integers from 0 to 2^53 − 1. */
  readonly increments: number
  readonly decrements: number
}

/** Orders a snapshot, a few milliseconds in each of the next turns of the program; then its slots can be read, by key and replica id. */
export async function exportSlots(snapshot: TableSnapshot, host: Host): Promise<Iterable<ExportedSlot>> {
  await nextTurn(host)
  for (const _part of snapshot.order()) await nextTurn(host)
  return { [Symbol.iterator]: () => exported(snapshot) }
}

function* exported(snapshot: TableSnapshot): Generator<ExportedSlot, void, undefined> {
  for (const { key, replica, p, n } of snapshot) {
    yield { key, replica: showReplicaId(replica), increments: p, decrements: n }
  }
}
