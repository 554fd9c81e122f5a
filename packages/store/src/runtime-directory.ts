import { accessSync, constants, existsSync, lstatSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeDirectories } from './directory.js'

// The types of file systems that lie in memory, by statfs(2): tmpfs and ramfs.
const IN_MEMORY = new Set([0x01021994, 0x858458f6])

/** A directory that lives as long as the operating system's boot, or why there is none. */
export type RuntimeDirectory = { readonly path: string } | { readonly reason: string }

/** Finds and makes the directory for witnesses: `wanted`, or else the first usable one of `$XDG_RUNTIME_DIR/tallymesh`,
 *  `/run/tallymesh` and `/dev/shm/tallymesh-<uid>`. It is of mode 0700 when made here; one that others may write to, that
 *  belongs to somebody else, or that is a symbolic link is not used. Nor is a usual place that does not lie in memory: the
 *  `/run` of a container may be copied together with its data, and a copied witness would vouch for a copied store. */
export function findRuntimeDirectory(wanted?: string): RuntimeDirectory {
  const uid = process.geteuid?.()
  if (uid === undefined) return { reason: 'this operating system has no runtime directories' }
  if (wanted !== undefined) return tryDirectory(wanted, uid)
  const xdg = process.env.XDG_RUNTIME_DIR
  const candidates = [...(xdg ? [join(xdg, 'tallymesh')] : []), '/run/tallymesh', `/dev/shm/tallymesh-${uid}`]
  const reasons: string[] = []
  for (const candidate of candidates) {
    const found = inMemory(dirname(candidate))
      ? tryDirectory(candidate, uid)
      : { reason: `${candidate} would not lie in memory` }
    if ('path' in found) return found
    reasons.push(found.reason)
  }
  return { reason: reasons.join('; ') }
}

function tryDirectory(path: string, uid: number): RuntimeDirectory {
  try {
    makeDirectories(path, 0o700)
    const found = lstatSync(path)
    if (!found.isDirectory()) return { reason: `${path} is not a directory` }
    if (found.uid !== uid) return { reason: `${path} belongs to the user ${found.uid}, not to ${uid}` }
    if ((found.mode & 0o022) !== 0) return { reason: `${path} can be written by others` }
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return { path }
  } catch (error) {
    return { reason: (error as Error).message }
  }
}

function inMemory(path: string): boolean {
  return existsSync(path) && IN_MEMORY.has(statfsSync(path).type)
}
