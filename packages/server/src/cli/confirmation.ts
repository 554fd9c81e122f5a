import { CommandError, EXIT, usageError } from './exit-code.js'
import { printable } from './printer.js'

/** What is asked before something that cannot be taken back. */
export interface Question {
  readonly command: string
  /** Asked for once it is known that there is a terminal. */
  readonly text: () => string | Promise<string>
  /** What is said to a no. */
  readonly declined: string
}

/** Asks on the terminal, and returns where the answer is yes. @throws CommandError (usage where there is no terminal, failed) */
export async function confirm({ command, text, declined }: Question): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw usageError(`${command} asks for confirmation, and there is no terminal to ask on; add --yes`)
  }
  const question = printable(`${await text()} [y/N] `)
  const { createInterface } = await import('node:readline/promises')
  const ask = createInterface({ input: process.stdin, output: process.stderr })
  try {
    ask.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
    const end = new Promise<string>(resolve => ask.once('close', () => resolve('')))
    const answer = ask.question(question)
    if (!/^y(?:es)?$/i.test((await Promise.race([answer, end])).trim())) throw new CommandError(EXIT.failed, declined)
  } finally {
    ask.close()
  }
}
