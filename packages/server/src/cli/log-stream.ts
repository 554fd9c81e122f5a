import { writeSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'

const WAITING_BYTES_MAX = 1024 * 1024
const FLUSH_POLL_MS = 5

/** Where log lines go. Whoever reads them may stop reading, go away or have a full disk: that loses lines and never stalls or
 *  ends the node. */
export class LogStream {
  readonly #stream: Writable | undefined
  readonly #fd: number
  readonly #waitingBytesMax: number
  #dropped = 0
  #broken = false

  /** @param target a stream that takes what it cannot write yet into memory, such as stdout where it is a pipe; or the
   *    descriptor of a file or terminal */
  constructor(target: Writable | number, waitingBytesMax = WAITING_BYTES_MAX) {
    this.#stream = typeof target === 'number' ? undefined : target
    this.#fd = typeof target === 'number' ? target : -1
    this.#waitingBytesMax = waitingBytesMax
    this.#stream?.on('error', () => (this.#broken = true))
  }

  /** Lines that were lost because they were not read, and have not been spoken of yet. */
  get dropped(): number {
    return this.#dropped
  }

  write(line: string): void {
    if (this.#broken) return
    if (!this.#stream) return this.#writeFile(line)
    if (this.#stream.writableLength > this.#waitingBytesMax) {
      this.#dropped++
      return
    }
    if (this.#dropped > 0) {
      const msg = `${this.#dropped} log lines were dropped: nobody read them in time`
      this.#dropped = 0
      this.#stream.write(`${JSON.stringify({ level: 40, time: Date.now(), msg })}\n`)
    }
    this.#stream.write(line)
  }

  /** Resolves once all is written, or after `deadlineMs`. */
  async flush(deadlineMs: number): Promise<void> {
    const endMs = performance.now() + deadlineMs
    const waiting = () => !this.#broken && (this.#stream?.writableLength ?? 0) > 0
    while (waiting() && performance.now() < endMs) await setTimeout(FLUSH_POLL_MS)
  }

  #writeFile(line: string): void {
    try {
      writeSync(this.#fd, line)
    } catch {
      // A full disk or a terminal that is gone: the next line may find it better.
    }
  }
}
