import { mkdir } from 'node:fs/promises'
import { TallymeshClientError } from './client-error.js'
import { DirectoryClaim } from './directory-claim.js'
import type { LeftBehind, Outbox, OutboxChange } from './outbox.js'
import { OutboxLog } from './outbox-log.js'

/** An outbox on disk, for Node: a file in a directory of its own, synced before anything that it keeps is sent. One client uses it at
 *  a time, of all processes on this machine; another is refused with OUTBOX_LOCKED. For a local file system.
 *  @param dir made where it is missing, its parents too */
export function fileOutbox(dir: string): Outbox {
  return new FileOutbox(dir)
}

class FileOutbox implements Outbox {
  readonly #dir: string
  #open: { readonly claim: DirectoryClaim; readonly log: OutboxLog } | undefined

  constructor(dir: string) {
    this.#dir = dir
  }

  async open(): Promise<LeftBehind> {
    try {
      await mkdir(this.#dir, { recursive: true, mode: 0o700 })
      const claim = await DirectoryClaim.take(this.#dir)
      if (claim === undefined) {
        const what = `another client has the outbox ${this.#dir} open; nothing was sent. Give each its own directory`
        throw new TallymeshClientError('OUTBOX_LOCKED', what)
      }
      try {
        const { log, left } = await OutboxLog.open(this.#dir)
        this.#open = { claim, log }
        return left
      } catch (error) {
        await claim.release()
        throw error
      }
    } catch (cause) {
      if (cause instanceof TallymeshClientError) throw cause
      const what = `the outbox ${this.#dir} cannot be opened (${(cause as Error).message}); nothing was sent`
      throw new TallymeshClientError('OUTBOX_FAILED', what, { cause })
    }
  }

  async commit(change: OutboxChange): Promise<void> {
    if (this.#open === undefined) throw new TallymeshClientError('OUTBOX_FAILED', 'the outbox is not open')
    await this.#open.log.commit(change)
  }

  async close(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    await open?.log.close()
    await open?.claim.release()
  }
}
