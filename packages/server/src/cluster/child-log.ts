import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'

export const LOG_BYTES_MAX = 10 * 1024 * 1024

/** A log file of bounded size: past `bytesMax` it is renamed to `<file>.1`, in place of an older one, and begun anew.
 *  A log that cannot be written is given up; what is supervised goes on. */
export class ChildLog {
  #descriptor: number | undefined
  #bytes = 0

  /** Appends to what is there. */
  constructor(
    readonly file: string,
    readonly bytesMax: number = LOG_BYTES_MAX,
  ) {}

  write(chunk: Buffer): void {
    try {
      if (this.#descriptor === undefined) this.#open()
      if (this.#bytes > 0 && this.#bytes + chunk.length > this.bytesMax) this.#rotate()
      writeSync(this.#descriptor as number, chunk)
      this.#bytes += chunk.length
    } catch {
      // A full disk: what the child said is lost, and it may say it again later.
      this.close()
    }
  }

  close(): void {
    const descriptor = this.#descriptor
    this.#descriptor = undefined
    if (descriptor !== undefined) closeSync(descriptor)
  }

  #open(): void {
    this.#descriptor = openSync(this.file, 'a')
    this.#bytes = fstatSync(this.#descriptor).size
  }

  #rotate(): void {
    this.close()
    renameSync(this.file, `${this.file}.1`)
    this.#open()
  }
}
