import type { ReplicaId } from '@tallymesh/crdt'
import type { Damage } from './damage.js'
import type { Database } from './database.js'
import { checksumOf, unseal } from './durable-level.js'
import { Ledger } from './ledger.js'
import { decodeMeta, META_KEY, type Meta } from './meta.js'
import { HEAD, parseRecordKey, type RecordPlace } from './record-key.js'

type Entry = readonly [key: Buffer, sealed: Buffer]

/** All that a database holds, without the bytes of the records. */
export interface Scan {
  readonly ledger: Ledger
  readonly meta: Meta | undefined
}

/** Reads everything once and verifies it: keys, checksums, the order of records and the summary.
 *  @throws TallymeshError STORE_UNSUPPORTED, or Error of classic-level */
export function scanDatabase(database: Database, damage: Damage): Promise<Scan> {
  return scanEntries(database.entries(), damage)
}

/** The same for entries as they lie in a database, in key order.
 *  @param keep is given every whole record
 *  @throws TallymeshError STORE_UNSUPPORTED */
export async function scanEntries(
  entries: AsyncIterable<Entry> | Iterable<Entry>,
  damage: Damage,
  keep?: (key: Buffer, value: Uint8Array) => Promise<void>,
): Promise<Scan> {
  const ledger = new Ledger()
  const last = new Map<ReplicaId, number>()
  let meta: Meta | undefined
  let unreadable = 0
  for await (const [key, sealed] of entries) {
    const value = unseal(sealed)
    if (META_KEY.equals(key)) {
      meta = value && decodeMeta(value)
      continue
    }
    const place = parseRecordKey(key)
    if (!place || place.clock <= (last.get(place.log) ?? HEAD - 1)) {
      damage.addAnywhere(`there is a record under the unknown key ${key.toString('hex', 0, 40)}`)
      continue
    }
    last.set(place.log, place.clock)
    if (!value) {
      unreadable += 1
      damage.addIn(place.log, `${placeText(place)} fails its checksum`)
      continue
    }
    ledger.enter(place.log, place.clock, checksumOf(sealed))
    if (keep) await keep(key, value)
  }
  compare(ledger, meta, unreadable, damage)
  return { ledger, meta }
}

function compare(ledger: Ledger, meta: Meta | undefined, unreadable: number, damage: Damage): void {
  if (!meta) {
    damage.addAnywhere('the meta record is missing or fails its checksum')
    return
  }
  const found = ledger.summary.count + unreadable
  if (found !== meta.summary.count) {
    damage.addAnywhere(`there are ${found} records instead of ${meta.summary.count}`)
  } else if (unreadable === 0 && !ledger.summary.equals(meta.summary)) {
    damage.addAnywhere('some records are not those that were written last')
  }
}

function placeText({ clock }: RecordPlace): string {
  return clock === HEAD ? 'the head record' : `the record at clock ${clock}`
}
