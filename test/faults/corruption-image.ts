import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Store } from '@tallymesh/store'

/** What LevelDB writes for people, and locks that hold nothing. */
const UNREAD = /(^|\/)(LOG|LOG\.old|LOCK)$/

/** The files of a data directory, as a crash left them. */
export class StoreImage {
  readonly #files: ReadonlyMap<string, Buffer>
  readonly #parents: readonly string[]

  /** @param dir of a node that does not run */
  constructor(dir: string) {
    const paths = readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name))
    this.#files = new Map(paths.map(path => [path.slice(dir.length + 1), readFileSync(path)]))
    this.#parents = [...new Set([...this.#files.keys()].map(dirname))]
  }

  /** Files that a start reads, by their path in the directory; empty ones left out. */
  get paths(): string[] {
    return [...this.#files].filter(([path, bytes]) => bytes.length > 0 && !UNREAD.test(path)).map(([path]) => path)
  }

  /** The one such file. @throws Error where there is none or several */
  path(pattern: RegExp): string {
    const found = this.paths.filter(path => pattern.test(path))
    if (found.length !== 1) throw new Error(`${found.length} files match ${pattern}: ${this.paths.join(' ')}`)
    return found[0] as string
  }

  bytes(path: string): Buffer {
    return Buffer.from(this.#files.get(path) as Buffer)
  }

  /** Makes `dir` the directory that it was, except for one file, and without those that no start reads. */
  write(dir: string, path?: string, changed?: Uint8Array): void {
    rmSync(dir, { recursive: true, force: true })
    for (const parent of this.#parents) mkdirSync(join(dir, parent), { recursive: true, mode: 0o700 })
    for (const [name, bytes] of this.#files) {
      if (!UNREAD.test(name)) writeFileSync(join(dir, name), name === path && changed ? changed : bytes)
    }
  }

  /** The file with some bits of one byte flipped. */
  flipped(path: string, position: number, mask: number): Buffer {
    const bytes = this.bytes(path)
    bytes[position] = (bytes[position] as number) ^ mask
    return bytes
  }
}

/** Everything that a store says it holds: two stores with the same text hold the same. */
export async function contentOf(store: Store): Promise<string> {
  const logs: string[] = []
  for await (const { log, updates, damage } of store.load()) {
    logs.push(`${log} ${damage} ${updates.map(update => Buffer.from(update).toString('hex')).join(' ')}`)
  }
  return JSON.stringify([store.id, store.lastCommit, store.damage, logs.sort()])
}

/** Where the records of a file in LevelDB's log format end, 0 included. Format: leveldb/doc/log_format.md; a file of less than
 *  a block of 32 KiB holds each record in one piece. */
export function recordEnds(log: Buffer): number[] {
  const ends = [0]
  for (let at = 0; at + 7 <= log.length; ends.push(at)) at += 7 + log.readUInt16LE(at + 4)
  return ends
}
