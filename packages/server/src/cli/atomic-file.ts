import { unlinkSync } from 'node:fs'
import { type FileHandle, open, rename, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { CommandError, EXIT } from './exit-code.js'
import { fileReason } from './settings-file.js'

/** A file that appears whole or not at all: it is written beside its place, synced, and renamed. Mode 0600. */
export class AtomicFile {
  readonly #path: string
  readonly #temporary: string
  readonly #handle: FileHandle
  #open = true

  private constructor(path: string, temporary: string, handle: FileHandle) {
    this.#path = path
    this.#temporary = temporary
    this.#handle = handle
  }

  /** @throws CommandError where the file cannot be made, or something other than a file stands there */
  static async create(path: string): Promise<AtomicFile> {
    const temporary = `${resolve(path)}.${process.pid}.tmp`
    return attempt(path, async () => {
      const existing = await stat(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      })
      if (existing?.isDirectory()) throw new Error('it is a directory; name a file in it')
      // Renaming over a device would replace the device.
      if (existing && !existing.isFile()) throw new Error('it is no regular file; leave --out away and redirect stdout')
      return new AtomicFile(path, temporary, await open(temporary, 'wx', 0o600))
    })
  }

  async write(bytes: Uint8Array): Promise<void> {
    await attempt(this.#path, async () => {
      for (let at = 0; at < bytes.length; ) at += (await this.#handle.write(bytes, at)).bytesWritten
    })
  }

  /** Resolves once the file stands in its place, durably. */
  async commit(): Promise<void> {
    await attempt(this.#path, async () => {
      await this.#handle.sync()
      await this.#handle.close()
      await rename(this.#temporary, this.#path)
      this.#open = false
      const directory = await open(dirname(resolve(this.#path)), 'r')
      try {
        await directory.sync()
      } finally {
        await directory.close()
      }
    })
  }

  /** Takes away what was written, at once; nothing after `commit`. */
  discard(): void {
    if (!this.#open) return
    this.#open = false
    try {
      unlinkSync(this.#temporary)
    } catch {
      // It is gone, which is what was wanted.
    }
    this.#handle.close().catch(() => {})
  }
}

async function attempt<Value>(path: string, call: () => Promise<Value>): Promise<Value> {
  try {
    return await call()
  } catch (cause) {
    throw new CommandError(EXIT.failed, `${path} cannot be written: ${fileReason(cause)}`, { cause })
  }
}
