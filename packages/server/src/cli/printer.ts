import type { Writable } from 'node:stream'
import { CommandError, EXIT } from './exit-code.js'
import { fileReason } from './settings-file.js'

// What moves a cursor, changes colours or turns the direction of text may come from another machine: it is shown, not obeyed.
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/** Writes what a command has to say: results on one stream, all else on the other. */
export class Printer {
  readonly #out: Writable & { isTTY?: boolean }
  readonly #err: Writable & { isTTY?: boolean }
  #failure: Error | undefined
  #handedOver = false
  /** What to do when nobody reads the results any longer. */
  #gone: () => void

  constructor(out: Writable, err: Writable, gone: () => void) {
    this.#out = out
    this.#err = err
    this.#gone = gone
    out.on('error', error => this.#failed(error))
    err.on('error', () => {})
  }

  /** Whether results go to a terminal. */
  get terminal(): boolean {
    return this.#out.isTTY === true
  }

  /** Whether notes go to a terminal. */
  get noteTerminal(): boolean {
    return this.#err.isTTY === true
  }

  /** For a command whose work is unfinished when its reader goes. */
  onGone(gone: () => void): void {
    this.#gone = gone
  }

  /** For a command that writes to stdout by itself, and does not end with its reader. */
  handOver(): void {
    this.#gone = () => {}
    this.#handedOver = true
  }

  /** Results as they are. Resolves once the reader has room for more. @throws CommandError where they cannot be written */
  async write(text: string | Uint8Array): Promise<void> {
    this.#check()
    if (!this.#out.write(text)) await this.#drained()
    this.#check()
  }

  async line(text: string): Promise<void> {
    await this.write(`${text}\n`)
  }

  async json(value: unknown): Promise<void> {
    await this.write(`${jsonText(value)}\n`)
  }

  /** A line for people, beside the results. */
  note(text: string): void {
    this.#err.write(`${text}\n`)
  }

  /** Overwrites the last line of a terminal; says nothing elsewhere. */
  progress(text: string): void {
    if (this.noteTerminal) this.#err.write(`\r\x1b[K${text}`)
  }

  /** Resolves once all that was written has arrived, with the exit code: `exit`, or a failure where it did not arrive. */
  async end(exit: number): Promise<number> {
    if (this.#handedOver) return exit
    await new Promise(resolve => this.#out.write('', resolve))
    if (!this.#failure || exit !== EXIT.done) return exit
    this.note(`tallymesh: stdout cannot be written: ${fileReason(this.#failure)}`)
    return EXIT.failed
  }

  #drained(): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        this.#out.off('drain', done).off('error', done).off('close', done)
        resolve()
      }
      this.#out.on('drain', done).on('error', done).on('close', done)
    })
  }

  #failed(error: Error): void {
    this.#failure = error
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') this.#gone()
  }

  #check(): void {
    if (this.#failure) throw new CommandError(EXIT.failed, `stdout cannot be written: ${fileReason(this.#failure)}`)
  }
}

/** JSON in one line. What no number holds exactly is a text, as the server has it. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_name, field: unknown) => (typeof field === 'bigint' ? String(field) : field))
}

/** A text from elsewhere, fit for a terminal. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, found => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
