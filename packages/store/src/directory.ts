import { existsSync, mkdirSync } from 'node:fs'
import { access, constants, open, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { TallymeshError } from '@tallymesh/crdt'

/** Names within a data directory. */
export const DATABASE = 'db'
export const MARKER = 'tallymesh.json'
export const LOCK = 'lock'
/** Prefixes of what a crash may leave behind; removed at the next open. */
export const LEFTOVER = /^(db\.new-|tallymesh\.json\.new$)/
export const DAMAGED = /^db\.damaged-(\d+)$/

// What an empty volume, or an earlier open that went no further, may hold.
const HARMLESS = new Set([LOCK, 'lost+found'])

/** Makes the directory, with its parents, if it is missing, and checks that it can be used.
 *  @returns its real path, so that one directory has one name
 *  @throws TallymeshError STORE_UNUSABLE */
export async function prepareDirectory(dir: string): Promise<string> {
  const path = resolve(dir)
  try {
    // The names of new directories must be durable before anything within is called so.
    for (const made of makeDirectories(path)) await syncPath(dirname(made))
    const real = await realpath(path)
    if (!(await stat(real)).isDirectory()) throw new Error('it is not a directory')
    await access(real, constants.R_OK | constants.W_OK | constants.X_OK)
    return real
  } catch (cause) {
    throw unusable(path, cause)
  }
}

/** Makes a directory and its missing parents; what exists is left as it is. Node's own recursive mkdir never returns
 *  where the file system refuses a name with ENOENT, as /proc does.
 *  @returns what was made, parents first
 *  @throws Error of the file system */
export function makeDirectories(path: string, mode = 0o777): string[] {
  if (existsSync(path)) return []
  const parents = makeDirectories(dirname(path), mode)
  mkdirSync(path, { mode })
  return [...parents, path]
}

export function unusable(path: string, cause: unknown): TallymeshError {
  const reason = (cause as Error).message
  return new TallymeshError(
    'STORE_UNUSABLE',
    `the data directory ${path} cannot be used: ${reason}; check the path, its owner, its permissions and the free space`,
    { cause },
  )
}

/** What a data directory holds. */
export interface Survey {
  readonly names: readonly string[]
  readonly hasDatabase: boolean
  readonly hasMarker: boolean
  /** Neither a store nor what is left of one. */
  readonly fresh: boolean
}

/** @throws TallymeshError STORE_UNUSABLE where a directory without a store holds something else */
export async function surveyDirectory(dir: string): Promise<Survey> {
  const names = await readdir(dir).catch(cause => Promise.reject(unusable(dir, cause)))
  const hasDatabase = names.includes(DATABASE)
  const hasMarker = names.includes(MARKER)
  const fresh = !hasDatabase && !hasMarker && !names.some(name => DAMAGED.test(name))
  const foreign = names.filter(name => !HARMLESS.has(name) && !LEFTOVER.test(name))
  if (fresh && foreign.length > 0) {
    throw new TallymeshError(
      'STORE_UNUSABLE',
      `the data directory ${dir} holds no store but other files (${foreign.slice(0, 3).join(', ')}); name an empty directory`,
    )
  }
  return { names, hasDatabase, hasMarker, fresh }
}

export async function removeLeftovers(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (LEFTOVER.test(name)) await rm(join(dir, name), { recursive: true, force: true })
  }
}

/** Makes a file or directory durable. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes every file of a directory and the directory itself durable. */
export async function syncDirectory(dir: string): Promise<void> {
  // Closing a file that the process has locked elsewhere would drop that lock; and LOCK is empty.
  for (const name of await readdir(dir)) if (name !== 'LOCK') await syncPath(join(dir, name))
  await syncPath(dir)
}

/** Renames durably within one directory. */
export async function moveDurably(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncPath(dirname(to))
}

/** Replaces a file as a whole, durably: after a crash it is the old one or the new one. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`
  await writeFile(fresh, text, { flush: true })
  await moveDurably(fresh, path)
}
