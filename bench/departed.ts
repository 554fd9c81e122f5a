import {
  counterKey,
  type Entry,
  freshReplicaId,
  type LogWrite,
  LogWriter,
  ReplicaLog,
  storeId,
  Table,
} from '@tallymesh/crdt'
import { openLevelStore } from '@tallymesh/store'
import { xorshift } from './order.js'

/** Counters that each id counted before it was given up. */
const KEYS_OF_AN_ID = 10
const LOGS_PER_WRITE = 500

/** Writes the logs that as many restarts, and as many members that left, would have left behind: the same into each directory. */
export async function seedLogs(dir: string, keys: number, restarts: number, departed: number): Promise<void> {
  const store = await openLevelStore({ dir, room: 'bench' })
  const next = xorshift(11)
  let writes: LogWrite[] = []
  for (let i = 0; i < restarts + departed; i++) {
    const log = new ReplicaLog(
      freshReplicaId(() => next() / 2 ** 32),
      new Table(),
    )
    const slots = Array.from({ length: KEYS_OF_AN_ID }, (_, at): Entry => {
      return { kind: 'slot', key: counterKey(`counter-${(7 * i + 97 * at) % keys}`), p: at + 1, n: 0 }
    })
    const { bytes, clock } = new LogWriter(log).append([...(i < restarts ? [] : [leaver(i)]), ...slots], i)
    writes.push({ log: log.id, append: { clock, update: bytes } })
    if (writes.length < LOGS_PER_WRITE && i < restarts + departed - 1) continue
    await store.write({ logs: writes })
    writes = []
  }
  await store.close()
}

/** What a member says at last of itself. */
function leaver(number: number): Entry {
  const store = storeId(number.toString(16).padStart(32, '0'))
  return { kind: 'member', store, name: `pod-${number}`, urls: [`ws://pod-${number}.room:7000/`], removed: true }
}
