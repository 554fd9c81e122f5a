import type { ReplicaId, StoredLog } from '@tallymesh/crdt'
import { keyEncoding } from 'y-leveldb'
import type { Database, Snapshot } from './database.js'
import { unseal } from './durable-level.js'
import { documentName, HEAD, parseRecordKey, partOf } from './record-key.js'

/** One log as it is to be read: where its records are, and what is known to be damaged. */
export interface LogPlan {
  readonly log: ReplicaId
  readonly places: readonly number[]
  readonly damage: string | undefined
}

/** Reads logs one by one and verifies them once more: a record that is not where it was when the store was opened is
 *  said in `damage`. */
export async function* readLogs(
  database: Database,
  snapshot: Snapshot,
  plans: readonly LogPlan[],
): AsyncGenerator<StoredLog> {
  try {
    for (const plan of plans) yield await readLog(database, snapshot, plan)
  } finally {
    await snapshot.close()
  }
}

async function readLog(database: Database, snapshot: Snapshot, plan: LogPlan): Promise<StoredLog> {
  const updates: Uint8Array[] = []
  const damage = plan.damage === undefined ? [] : [plan.damage]
  let next = 0
  for (const part of new Set(plan.places.map(clock => (clock === HEAD ? 0 : partOf(clock))))) {
    const name = documentName(plan.log, part)
    const range = {
      gte: keyEncoding.encode(['v1', name, 'update', 0]),
      lt: keyEncoding.encode(['v1', name, 'update', 2 ** 32 - 1]),
      snapshot,
    }
    for await (const [key, sealed] of database.entries(range)) {
      const value = unseal(sealed)
      if (!value || parseRecordKey(key)?.clock !== plan.places[next]) break
      updates.push(value)
      next += 1
    }
  }
  if (next < plan.places.length) {
    damage.push(`${plan.places.length - next} of ${plan.places.length} records have changed since the store was opened`)
  }
  return damage.length === 0 ? { log: plan.log, updates } : { log: plan.log, updates, damage: damage.join('; ') }
}
