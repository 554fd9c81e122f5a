import type { ReadStream, WriteStream } from 'node:tty'
import { cutToWidth } from './display-width.js'
import { onInterruption } from './interruption.js'

const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
const REVERSE = '\x1b[7m'
const PLAIN = '\x1b[0m'
const CTRL_C = '\x03'
const CTRL_Z = '\x1a'

/** A full-screen view on a terminal that leaves it as it was, however the program ends. */
export class Screen {
  readonly #output: WriteStream
  readonly #input: ReadStream | undefined
  readonly #quit: () => void
  readonly #resized: () => void
  #release: (() => void) | undefined

  /** @param events `quit` when q is pressed, `resized` when the view must be drawn again */
  constructor(output: WriteStream, input: NodeJS.ReadStream, events: { quit: () => void; resized: () => void }) {
    this.#output = output
    this.#input = input.isTTY ? input : undefined
    this.#quit = events.quit
    this.#resized = events.resized
  }

  /** A serial line or a container may not know its size: it says 0. */
  get rows(): number {
    return this.#output.rows || 24
  }

  get columns(): number {
    return this.#output.columns || 80
  }

  open(): void {
    this.#release = onInterruption(() => this.close())
    process.on('exit', this.#restore)
    process.on('SIGCONT', this.#continued)
    this.#output.on('resize', this.#resized)
    this.#input?.setRawMode(true).on('data', this.#typed).resume()
    this.#output.write(ENTER)
  }

  close(): void {
    this.#release?.()
    process.off('exit', this.#restore)
    process.off('SIGCONT', this.#continued)
    this.#output.off('resize', this.#resized)
    this.#input?.off('data', this.#typed).pause()
    this.#restore()
  }

  /** Shows as many lines as fit, each cut to the width; the line `title` in reverse. */
  draw(lines: readonly string[], title: number): void {
    const shown = lines.slice(0, this.rows).map((line, at) => {
      const cut = cutToWidth(line, this.columns)
      return at === title ? `${REVERSE}${cut.padEnd(this.columns)}${PLAIN}` : `${cut}\x1b[K`
    })
    this.#output.write(`\x1b[H${shown.join('\r\n')}\x1b[J`)
  }

  readonly #restore = () => {
    this.#input?.setRawMode(false)
    this.#output.write(LEAVE)
  }

  readonly #continued = () => {
    this.#input?.setRawMode(true)
    this.#output.write(ENTER)
    this.#resized()
  }

  readonly #typed = (keys: Buffer) => {
    const text = keys.toString()
    if (text.includes(CTRL_C)) return void process.kill(process.pid, 'SIGINT')
    if (text.includes(CTRL_Z)) {
      this.#restore()
      return void process.kill(process.pid, 'SIGTSTP')
    }
    if (/q/i.test(text)) this.#quit()
  }
}
