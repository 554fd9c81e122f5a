import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { levelReason } from './database.js'

// A second open within the process must not even reach LevelDB: it would be refused, but closing its file descriptor
// would drop the process's kernel lock, as POSIX has it, and another process could come in.
const held = new Set<string>()
const LOCKED = 'LEVEL_LOCKED'

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

  async release(): Promise<void> {
    if (!held.has(this.#name)) return
    await this.#level.close()
    held.delete(this.#name)
  }
}

async function openLock(path: string): Promise<ClassicLevel> {
  try {
    return await openLevel(path)
  } catch (error) {
    if (levelReason(error).code === LOCKED) throw error
    // Its files hold nothing, so damage in them is no reason to stay down. The lock itself is on LOCK, which stays.
    for (const file of await readdir(path)) if (file !== 'LOCK') await rm(join(path, file), { recursive: true })
    return openLevel(path)
  }
}

async function openLevel(path: string): Promise<ClassicLevel> {
  const level = new ClassicLevel(path, { cacheSize: 0, writeBufferSize: 64 * 1024 })
  await level.open()
  return level
}
