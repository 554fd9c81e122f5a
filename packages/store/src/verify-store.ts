import { access, constants, copyFile, mkdir, mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type CommitMark, type StoredLog, type StoreId, TallymeshError } from '@tallymesh/crdt'
import { systemRandom } from './creation.js'
import { Damage } from './damage.js'
import { DATABASE, LOCK, surveyDirectory, unusable } from './directory.js'
import { DirectoryLock } from './directory-lock.js'
import { checkRoom, lockedError, openError, readMarker, type Verified, verifyDatabase } from './opening.js'
import { readLogs } from './reading.js'
import { salvageDatabase } from './salvage.js'

export interface VerifyStoreOptions {
  /** The data directory of a node that does not run. */
  readonly dir: string
  /** The room that it has to belong to. Default: any. */
  readonly room?: string
}

/** What a data directory holds, found out on a copy. */
export interface VerifiedStore {
  /** Empty where nothing whole says it. */
  readonly id: StoreId | ''
  readonly room: string
  readonly lastCommit: CommitMark | undefined
  /** Of the database, in bytes. */
  readonly bytes: number
  /** What is damaged, a sentence each. */
  readonly damage: readonly string[]
  /** Every log, as far as it can be read. To be read once, before `close`. */
  load(): AsyncIterable<StoredLog>
  /** Removes the copy and lets nodes open the directory again. */
  close(): Promise<void>
}

/** Verifies every byte of the store in `dir`, as opening it would, and changes nothing there: the database is copied to a
 *  directory below `os.tmpdir()` and opened there. Until `close` no node can open the directory, unless its file system is
 *  mounted read-only: then there is nothing to lock.
 *  @throws TallymeshError STORE_LOCKED while a process uses it, STORE_UNUSABLE where it holds no store or cannot be read,
 *    STORE_WRONG_ROOM, STORE_UNSUPPORTED. Damage is no error */
export async function verifyStore({ dir, room }: VerifyStoreOptions): Promise<VerifiedStore> {
  const real = await findDirectory(dir)
  const scratch = await mkdtemp(join(tmpdir(), 'tallymesh-verify-'))
  let lock: DirectoryLock | 'unmade' | 'read-only' | undefined
  const close = async () => {
    if (lock instanceof DirectoryLock) await lock.release()
    await rm(scratch, { recursive: true, force: true })
  }
  try {
    await mkdir(join(scratch, LOCK))
    lock = await DirectoryLock.borrow(join(real, LOCK), join(scratch, LOCK))
    if (!lock) throw lockedError(real)
    const bytes = await copyDatabase(real, scratch)
    // A node that made the lock meanwhile may have been writing.
    if (lock === 'unmade' && (await DirectoryLock.made(join(real, LOCK)))) throw lockedError(real)
    return { ...(await verify(real, scratch, room, close)), bytes }
  } catch (error) {
    await close()
    throw error instanceof TallymeshError ? error : openError(real, error)
  }
}

async function verify(
  real: string,
  scratch: string,
  room: string | undefined,
  release: () => Promise<void>,
): Promise<Omit<VerifiedStore, 'bytes'>> {
  const damage = new Damage()
  const { hasDatabase, hasMarker } = await surveyDirectory(real)
  const marker = hasMarker ? await readMarker(real, damage) : undefined
  if (marker && room !== undefined) checkRoom(real, marker.room, room)
  let found: Verified | undefined
  try {
    if (hasDatabase) found = await verifyDatabase(scratch, damage)
    else damage.addAnywhere('the database is missing')
    const meta = found?.meta
    if (meta && room !== undefined) checkRoom(real, meta.room, room)
    if (meta && marker && marker.store !== meta.id) {
      damage.addBeside(`tallymesh.json names the store ${marker.store}, but the database is of ${meta.id}`)
    }
    if (hasDatabase && (!found || damage.inLogs)) {
      await found?.database.close()
      found = await salvage(scratch)
    }
    return {
      id: meta?.id ?? marker?.store ?? '',
      room: meta?.room ?? marker?.room ?? '',
      lastCommit: meta?.lastCommit,
      damage: damage.sentences,
      load: () => readAll(found),
      close: async () => {
        await found?.database.close()
        await release()
      },
    }
  } catch (error) {
    await found?.database.close()
    throw error
  }
}

/** What can still be read of the damaged copy, in a database that is whole. */
async function salvage(scratch: string): Promise<Verified | undefined> {
  await salvageDatabase(scratch, '', systemRandom)
  return verifyDatabase(scratch, new Damage())
}

async function* readAll(found: Verified | undefined): AsyncGenerator<StoredLog> {
  if (!found) return
  const { database, ledger } = found
  const plans = [...ledger.logs].map(log => ({ log, places: ledger.places(log), damage: undefined }))
  yield* readLogs(database, database.level.snapshot(), plans)
}

/** @throws TallymeshError STORE_UNUSABLE */
async function findDirectory(dir: string): Promise<string> {
  const path = resolve(dir)
  try {
    const real = await realpath(path)
    if (!(await stat(real)).isDirectory()) throw new Error('it is not a directory')
    await access(real, constants.R_OK | constants.X_OK)
    if ((await surveyDirectory(real)).fresh) throw new Error('it holds no store')
    return real
  } catch (cause) {
    throw cause instanceof TallymeshError ? cause : unusable(path, cause)
  }
}

/** Copies the database's files, if there is one. Answers their bytes. */
async function copyDatabase(from: string, to: string): Promise<number> {
  let bytes = 0
  if (!(await surveyDirectory(from)).hasDatabase) return bytes
  await mkdir(join(to, DATABASE))
  for (const name of await readdir(join(from, DATABASE))) {
    if (name === 'LOCK') continue
    const file = join(from, DATABASE, name)
    bytes += (await stat(file)).size
    await copyFile(file, join(to, DATABASE, name), constants.COPYFILE_FICLONE)
  }
  return bytes
}
