/** Where the command prints. */
export interface Screen {
  readonly isTerminal: boolean
  readonly columns: number
  write(text: string): void
}

export const standardOutput: Screen = {
  get isTerminal() {
    return process.stdout.isTTY === true
  },
  get columns() {
    return process.stdout.columns ?? 120
  },
  write: text => void process.stdout.write(text),
}

/** The moments at which a line of progress is worth printing: it is rewritten in place on a terminal. */
const TERMINAL_MS = 200
const LOG_MS = 5_000

/** A line that tells how far something is: rewritten in place on a terminal, else a line every five seconds. */
export class ProgressLine {
  #shownMs = performance.now()
  #shown = false

  constructor(readonly screen: Screen) {}

  /** How often `show` should be called, ms. */
  get intervalMs(): number {
    return this.screen.isTerminal ? TERMINAL_MS : LOG_MS / 10
  }

  show(text: () => string): void {
    const { isTerminal, columns } = this.screen
    const nowMs = performance.now()
    if (nowMs - this.#shownMs < (isTerminal ? TERMINAL_MS : LOG_MS) * 0.9) return
    this.#shownMs = nowMs
    this.#shown = true
    this.screen.write(isTerminal ? `\r\u001b[K${text().slice(0, columns - 1)}` : `${text()}\n`)
  }

  /** What is printed next begins on a line of its own. */
  clear(): void {
    if (this.#shown && this.screen.isTerminal) this.screen.write('\r\u001b[K')
    this.#shown = false
  }
}

/** Calls `show` now and then while `work` is under way. */
export async function whileShowing<Result>(
  line: ProgressLine,
  text: () => string,
  work: Promise<Result>,
): Promise<Result> {
  const timer = setInterval(() => line.show(text), line.intervalMs)
  try {
    return await work
  } finally {
    clearInterval(timer)
    line.clear()
  }
}
