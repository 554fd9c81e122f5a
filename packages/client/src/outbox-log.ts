import { type FileHandle, link, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { TallymeshClientError } from './client-error.js'
import type { KeptOperation, LeftBehind, OutboxChange } from './outbox.js'
import { encodeChange, HEADER, readContent } from './outbox-record.js'

const NAME = 'operations.log'
const REWRITE_BYTES_MIN = 1024 * 1024

interface Commit {
  readonly change: OutboxChange
  readonly resolve: () => void
  readonly reject: (error: TallymeshClientError) => void
}

/** The file of an outbox: a line for each change, written and synced in groups. It is cut back to its first line whenever nothing is kept, and
 *  written anew when less than half of it still matters. */
export class OutboxLog {
  readonly #dir: string
  /** What is kept, each as the line that keeps it. */
  readonly #kept = new Map<string, string>()
  #keptBytes = 0
  #file: FileHandle
  /** Up to where all is whole. */
  #size: number
  #waiting: Commit[] = []
  #writing: Promise<void> | undefined
  /** Why nothing can be written any longer. */
  #broken: unknown

  private constructor(dir: string, file: FileHandle, size: number) {
    this.#dir = dir
    this.#file = file
    this.#size = size
  }

  /** Opens the file of a directory that nobody else uses, or makes it. A damaged one is kept beside it under another name.
   *  @throws TallymeshClientError OUTBOX_UNSUPPORTED; Error where it cannot be read or written */
  static async open(dir: string): Promise<{ readonly log: OutboxLog; readonly left: LeftBehind }> {
    const path = join(dir, NAME)
    const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    const { kept, damage, end } = readContent(bytes ?? Buffer.from(HEADER), path)
    const operations = [...kept.values()]
    if (bytes !== undefined && damage.length === 0) {
      const log = new OutboxLog(dir, await open(path, 'r+'), end)
      for (const operation of operations) log.#add(operation)
      if (end < bytes.length) await log.#cut(end)
      return { log, left: { operations, damage } }
    }
    const copy = join(dir, `damaged-${Date.now()}.log`)
    if (damage.length > 0) await link(path, copy)
    const text = HEADER + operations.map(lineOf).join('')
    const log = new OutboxLog(dir, await replace(dir, text), Buffer.byteLength(text))
    for (const operation of operations) log.#add(operation)
    return { log, left: { operations, damage: damage.map(what => `${what}; ${copy} is the file as it was`) } }
  }

  /** As `Outbox.commit`. */
  commit(change: OutboxChange): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject })
      this.#writing ??= this.#write()
    })
  }

  async close(): Promise<void> {
    await this.#writing
    await this.#file.close()
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      const failed = await this.#append(group.map(({ change }) => change))
      const gone = failed === undefined ? [] : group.filter(({ change }) => change.keep.length === 0)
      // On a full disk there is no room to write what leaves. To cut the file takes none.
      for (const { change } of failed === undefined ? group : gone) this.#apply(change)
      const emptied = gone.length > 0 && this.#kept.size === 0 && (await this.#emptied())
      for (const { change, resolve, reject } of group) {
        if (failed === undefined || change.lazy || (emptied && change.keep.length === 0)) resolve()
        else reject(failed)
      }
      await this.#tidy()
    }
    this.#writing = undefined
  }

  #apply({ keep, drop }: OutboxChange): void {
    for (const operation of keep) this.#add(operation)
    for (const id of drop) {
      this.#keptBytes -= this.#kept.get(id)?.length ?? 0
      this.#kept.delete(id)
    }
  }

  #add(operation: KeptOperation): void {
    const line = lineOf(operation)
    this.#keptBytes += line.length - (this.#kept.get(operation.id)?.length ?? 0)
    this.#kept.set(operation.id, line)
  }

  async #append(changes: readonly OutboxChange[]): Promise<TallymeshClientError | undefined> {
    if (this.#broken !== undefined) return refusal('it failed before, and has to be opened again', false, this.#broken)
    const bytes = Buffer.from(changes.map(linesOf).join(''))
    try {
      await writeAll(this.#file, bytes, this.#size)
      if (changes.some(({ lazy }) => !lazy)) await this.#file.datasync()
      this.#size += bytes.length
      return undefined
    } catch (cause) {
      try {
        await this.#cut(this.#size)
      } catch (broken) {
        this.#broken = broken
        return refusal('and what was written of this cannot be removed', 'perhaps', cause)
      }
      return refusal('nothing was sent', false, cause)
    }
  }

  async #emptied(): Promise<boolean> {
    return await this.#cut(HEADER.length).then(
      () => true,
      () => false,
    )
  }

  async #cut(end: number): Promise<void> {
    await this.#file.truncate(end)
    await this.#file.datasync()
    this.#size = end
  }

  /** Frees room. That it fails is no harm: the file stays as it is. */
  async #tidy(): Promise<void> {
    if (this.#broken !== undefined || this.#waiting.length > 0) return
    if (this.#kept.size === 0 && this.#size > HEADER.length) {
      await this.#file.truncate(HEADER.length).then(
        () => (this.#size = HEADER.length),
        () => {},
      )
    } else if (this.#size > REWRITE_BYTES_MIN + 2 * this.#keptBytes) {
      await this.#rewrite().catch(() => {})
    }
  }

  async #rewrite(): Promise<void> {
    const text = HEADER + [...this.#kept.values()].join('')
    const file = await replace(this.#dir, text)
    const old = this.#file
    this.#file = file
    this.#size = Buffer.byteLength(text)
    await old.close()
  }
}

/** A line that takes some in the place of another stands there twice: were it lost to damage, the other would come back and count
 *  beside them. */
function linesOf(change: OutboxChange): string {
  return encodeChange(change).repeat(change.keep.length > 0 && change.drop.length > 0 ? 2 : 1)
}

function lineOf(operation: KeptOperation): string {
  return encodeChange({ keep: [operation], drop: [] })
}

/** Puts a file with this text in the place of the other in one step, durably, and leaves it open. */
async function replace(dir: string, text: string): Promise<FileHandle> {
  const fresh = join(dir, `${NAME}.new`)
  const file = await open(fresh, 'w+', 0o600)
  try {
    await writeAll(file, Buffer.from(text), 0)
    await file.sync()
    await rename(fresh, join(dir, NAME))
    const parent = await open(dir, 'r')
    await parent.sync().finally(() => parent.close())
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
  }
}

function refusal(what: string, counted: false | 'perhaps', cause: unknown): TallymeshClientError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new TallymeshClientError('OUTBOX_FAILED', `the outbox cannot be written (${reason}); ${what}`, {
    counted,
    cause,
  })
}
