import { closeSync, openSync, unlinkSync } from 'node:fs'
import { type FileHandle, open, rename, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { CommandError, EXIT } from './exit-code.js'
import { fileReason } from './settings-file.js'

/** A file that appears whole or not at all: it is written beside its place, synced, and renamed. Mode 0600. */
export class AtomicFile {
  readonly #path: string
  readonly #temporary: string
  #handle: FileHandle | undefined
  /** Whether something may stand in the temporary place that is this file's. */
  #open = false

  /** Nothing is made before `create`. */
  constructor(path: string) {
    this.#path = path
    this.#temporary = `${resolve(path)}.${process.pid}.tmp`
  }

  /** @throws CommandError where the file cannot be made, or something other than a file stands there */
  async create(): Promise<void> {
    const path = this.#path
    await attempt(path, async () => {
      const existing = await stat(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      })
      if (existing?.isDirectory()) throw new Error('it is a directory; name a file in it')
      // Renaming over a device would replace the device.
      if (existing && !existing.isFile()) throw new Error('it is no regular file; leave --out away and redirect stdout')
      // In one turn with the note of it: a signal is heard between turns, and then takes the file away.
      const fd = openSync(this.#temporary, 'wx', 0o600)
      this.#open = true
      closeSync(fd)
      this.#handle = await open(this.#temporary, 'r+')
    })
  }

  async write(bytes: Uint8Array): Promise<void> {
    await attempt(this.#path, async () => {
      for (let at = 0; at < bytes.length; ) at += (await this.#opened.write(bytes, at)).bytesWritten
    })
  }

  get #opened(): FileHandle {
    if (this.#handle) return this.#handle
    throw new TypeError('the file was not created')
  }

  /** Resolves once the file stands in its place, durably. */
  async commit(): Promise<void> {
    await attempt(this.#path, async () => {
      await this.#opened.sync()
      await this.#opened.close()
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
    this.#handle?.close().catch(() => {})
  }
}

async function attempt<Value>(path: string, call: () => Promise<Value>): Promise<Value> {
  try {
    return await call()
  } catch (cause) {
    throw new CommandError(EXIT.failed, `${path} cannot be written: ${fileReason(cause)}`, { cause })
  }
}
