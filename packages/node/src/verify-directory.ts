import { checkName, showReplicaId, storeId, TallymeshError } from '@tallymesh/crdt'
import { Replica } from '@tallymesh/replica'
import { verifyStore } from '@tallymesh/store'
import { cryptoRandom } from './random.js'

export interface VerifyDirectoryOptions {
  /** The data directory of a node that does not run. */
  readonly dataDir: string
  /** The room that it has to belong to. Default: any. */
  readonly room?: string
}

/** What a data directory holds. */
export interface VerifiedDirectory {
  /** The store id; empty where the damage leaves none. */
  readonly store: string
  readonly room: string
  readonly keys: number
  readonly slots: number
  readonly logs: number
  /** Own commits of the directory so far. */
  readonly commits: number
  /** Of the database on disk. */
  readonly bytes: number
  /** What is damaged, a sentence each; empty where everything is whole. */
  readonly damage: readonly string[]
}

/** Checks a stopped node's directory as a start would, every byte of the store and every batch of every log, and changes
 *  nothing in it: it works on a copy below `os.tmpdir()`. A node that is started meanwhile is refused.
 *  @throws TallymeshError INVALID_OPTION, INVALID_NAME; STORE_LOCKED while a process uses the directory, STORE_UNUSABLE where it
 *    is no data directory or cannot be read, STORE_WRONG_ROOM, STORE_UNSUPPORTED. Damage is answered, not thrown */
export async function verifyDirectory(options: VerifyDirectoryOptions): Promise<VerifiedDirectory> {
  const { dataDir, room } = checkOptions(options)
  const store = await verifyStore({ dir: dataDir, ...(room === undefined ? {} : { room }) })
  try {
    const replica = emptyReplica()
    const damage = [...store.damage]
    let logs = 0
    for await (const stored of store.load()) {
      logs++
      const found = replica.room.load(stored)
      if (found !== undefined) damage.push(`log ${showReplicaId(stored.log)} is damaged: ${found}`)
    }
    const { table } = replica
    const { id, bytes, lastCommit } = store
    const [keys, slots, commits] = [table.size, table.slots, lastCommit?.number ?? 0]
    return { store: id, room: store.room, keys, slots, logs, commits, bytes, damage }
  } finally {
    await store.close()
  }
}

function checkOptions(options: VerifyDirectoryOptions): VerifyDirectoryOptions {
  if (typeof options !== 'object' || options === null) {
    throw new TallymeshError('INVALID_OPTION', 'verifyDirectory takes an object such as { dataDir: "./data" }')
  }
  const { dataDir, room } = options
  if (typeof dataDir !== 'string' || dataDir === '' || dataDir.includes('\0')) {
    throw new TallymeshError(
      'INVALID_OPTION',
      `dataDir must be the path of a directory, got ${JSON.stringify(dataDir)}`,
    )
  }
  if (room !== undefined) checkName('room name', room)
  return options
}

/** A replica that only loads: nobody learns its name. */
function emptyReplica(): Replica {
  return new Replica({
    ...{ name: 'verify', store: storeId('0'.repeat(32)), instance: 'verify', urls: [], seeds: [] },
    ...{ random: cryptoRandom, lastNumber: 0, heartbeatMs: 1_000, antiEntropyMs: 1_000 },
  })
}
