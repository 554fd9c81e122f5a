import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

const FRESH_MS = 10_000

/** The size of a directory's files. Asked for more often than every ten seconds, it answers what it found last. */
export class DirectoryBytes {
  #bytes = 0
  #readMs = Number.NEGATIVE_INFINITY

  constructor(readonly path: string) {}

  async read(nowMs: number): Promise<number> {
    if (nowMs - this.#readMs < FRESH_MS) return this.#bytes
    this.#readMs = nowMs
    const entries = await readdir(this.path, { recursive: true, withFileTypes: true }).catch(() => [])
    const files = entries.filter(entry => entry.isFile())
    // LevelDB removes files at any time.
    const sizes = await Promise.all(
      files.map(file =>
        stat(join(file.parentPath, file.name)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    )
    this.#bytes = sizes.reduce((sum, size) => sum + size, 0)
    return this.#bytes
  }
}
