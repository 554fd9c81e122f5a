import {
  counterKey,
  type Entry,
  freshReplicaId,
  LIST_IDS_MAX,
  type LogWrite,
  LogWriter,
  ReplicaLog,
  type StoreId,
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

/** Writes a log that says of as many ids that they are folded whole, and of stores that they were removed: of what `seedLogs` writes,
 *  only what a room has to remember for ever. */
export async function seedFences(dir: string, ids: number, removed: number): Promise<void> {
  const store = await openLevelStore({ dir, room: 'bench' })
  const next = xorshift(12)
  const fresh = () => freshReplicaId(() => next() / 2 ** 32)
  const fences = lists(Array.from({ length: ids }, fresh).sort((a, b) => a - b))
  const removals = lists(Array.from({ length: removed }, (_, i) => leaverStore(i)))
  const log = new ReplicaLog(fresh(), new Table())
  const { bytes, clock } = new LogWriter(log).append([
    ...fences.map((list): Entry => ({ kind: 'fence', ...list })),
    ...removals.map((list): Entry => ({ kind: 'removals', ...list })),
  ])
  await store.write({ logs: [{ log: log.id, append: { clock, update: bytes } }] })
  await store.close()
}

function lists<Id>(ids: readonly Id[]): Array<{ number: number; ids: readonly Id[] }> {
  return Array.from({ length: Math.ceil(ids.length / LIST_IDS_MAX) }, (_, number) => {
    return { number, ids: ids.slice(number * LIST_IDS_MAX, (number + 1) * LIST_IDS_MAX) }
  })
}

function leaverStore(number: number): StoreId {
  return storeId(number.toString(16).padStart(32, '0'))
}

/** What a member says at last of itself. */
function leaver(number: number): Entry {
  const store = leaverStore(number)
  return { kind: 'member', store, name: `pod-${number}`, urls: [`ws://pod-${number}.room:7000/`], removed: true }
}
