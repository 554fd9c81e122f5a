import { access, mkdir, open, readdir, rm, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { levelReason } from './database.js'

// A second open within the process must not even reach LevelDB: it would be refused, but closing its file descriptor
// would drop the process's kernel lock, as POSIX has it, and another process could come in.
const held = new Set<string>()
const LOCKED = 'LEVEL_LOCKED'
const LOCK_FILE = 'LOCK'

/** Exclusive use of a directory: an open LevelDB database that holds nothing. The kernel drops its lock with the process,
 *  whatever ends it, and the lock holds across containers. */
export class DirectoryLock {
  readonly #level: ClassicLevel
  readonly #name: string

  private constructor(level: ClassicLevel, name: string) {
    this.#level = level
    this.#name = name
  }

  /** @returns undefined where this or another process holds the lock
   *  @throws Error where the directory cannot be made or written */
  static async take(path: string): Promise<DirectoryLock | undefined> {
    await mkdir(path, { recursive: true, mode: 0o700 })
    const { dev, ino } = await stat(path)
    const name = `${dev}:${ino}`
    if (held.has(name)) return undefined
    held.add(name)
    try {
      return new DirectoryLock(await openLock(path), name)
    } catch (error) {
      held.delete(name)
      if (levelReason(error).code === LOCKED) return undefined
      throw error
    }
  }

  /** Takes a lock that others made, and writes nothing beside it: LevelDB locks the file that it opens, here through a symbolic
   *  link in a directory of its own.
   *  @param scratch an empty directory
   *  @returns undefined where this or another process holds the lock; 'unmade' where nobody ever took it; 'read-only' where the
   *    file system takes no writes: then nobody writes through it, either
   *  @throws Error where the lock cannot be opened for writing */
  static async borrow(path: string, scratch: string): Promise<DirectoryLock | 'unmade' | 'read-only' | undefined> {
    const file = join(path, LOCK_FILE)
    // Through a link that leads nowhere, LevelDB would make the file.
    if (!(await DirectoryLock.made(path))) return 'unmade'
    const { dev, ino } = await stat(path)
    const name = `${dev}:${ino}`
    if (held.has(name)) return undefined
    // Held before the file is opened here: closing it would drop a lock that this process holds on it.
    held.add(name)
    try {
      if (await readOnly(file)) {
        held.delete(name)
        return 'read-only'
      }
      await symlink(file, join(scratch, LOCK_FILE))
      return new DirectoryLock(await openLevel(scratch), name)
    } catch (error) {
      held.delete(name)
      if (levelReason(error).code === LOCKED) return undefined
      throw error
    }
  }

  /** Whether anybody ever took the lock. */
  static made(path: string): Promise<boolean> {
    return access(join(path, LOCK_FILE)).then(
      () => true,
      () => false,
    )
  }

  async release(): Promise<void> {
    if (!held.has(this.#name)) return
    await this.#level.close()
    held.delete(this.#name)
  }
}

/** Whether the file system refuses to open a file for writing, and only because it is read-only.
 *  @throws Error for any other reason, with the path that was given */
async function readOnly(file: string): Promise<boolean> {
  try {
    await (await open(file, 'r+')).close()
    return false
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EROFS') return true
    throw error
  }
}

async function openLock(path: string): Promise<ClassicLevel> {
  try {
    return await openLevel(path)
  } catch (error) {
    if (levelReason(error).code === LOCKED) throw error
    // Its files hold nothing, so damage in them is no reason to stay down. The lock itself is on LOCK, which stays.
    for (const file of await readdir(path)) if (file !== LOCK_FILE) await rm(join(path, file), { recursive: true })
    return openLevel(path)
  }
}

async function openLevel(path: string): Promise<ClassicLevel> {
  const level = new ClassicLevel(path, { cacheSize: 0, writeBufferSize: 64 * 1024 })
  await level.open()
  return level
}
