import { StringDecoder } from 'node:string_decoder'
import { field } from './probe.js'

const LINE_CHARACTERS_MAX = 16_384
const PINO_WARN = 40
const PINO_ERROR = 50
/** Of one process, within a second; the rest is in its log. */
const ECHOES_PER_SECOND_MAX = 10

/** Something that a child said and an operator should hear. */
export interface ChildWord {
  readonly level: 'warn' | 'error'
  readonly text: string
}

/** Reads what a child process writes, and picks out its warnings and errors: JSON lines of pino by their level. */
export class ChildWords {
  /** The last line that tells of an error, for a process that ended by itself. */
  lastError: string | undefined
  #rest = ''
  readonly #decoder = new StringDecoder('utf8')
  #secondMs = 0
  #echoes = 0

  constructor(readonly say: (word: ChildWord) => void) {}

  /** Takes output. @param nowMs bounds how many words are passed on each second */
  take(chunk: Buffer, nowMs: number): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n')
    this.#rest = (lines.pop() ?? '').slice(0, LINE_CHARACTERS_MAX)
    for (const line of lines) this.#line(line.slice(0, LINE_CHARACTERS_MAX).trim(), nowMs)
  }

  #line(line: string, nowMs: number): void {
    const word = line.startsWith('{') ? pinoWord(line) : plainError(line)
    if (word === undefined) return
    if (word.level === 'error') this.lastError = word.text
    // A line that is not JSON may be one of many of a stack trace: it is kept for the end, and in the log.
    if (!line.startsWith('{') || !this.#mayEcho(nowMs)) return
    this.say(word)
  }

  #mayEcho(nowMs: number): boolean {
    if (nowMs - this.#secondMs >= 1_000) {
      this.#secondMs = nowMs
      this.#echoes = 0
    }
    return ++this.#echoes <= ECHOES_PER_SECOND_MAX
  }
}

function pinoWord(line: string): ChildWord | undefined {
  let entry: unknown
  try {
    entry = JSON.parse(line)
  } catch {
    return undefined
  }
  const level = field(entry, 'level')
  const grade = typeof level === 'number' ? level : level === 'error' || level === 'fatal' ? PINO_ERROR : 0
  if (grade < PINO_WARN && level !== 'warn') return undefined
  // That a node is not ready, and why, its supervisor sees for itself.
  if (grade < PINO_ERROR && typeof field(entry, 'reason') === 'string') return undefined
  const message = field(entry, 'msg') ?? field(field(entry, 'err'), 'message')
  const code = field(entry, 'code') ?? field(field(entry, 'err'), 'code')
  const text = `${typeof code === 'string' ? `${code}: ` : ''}${typeof message === 'string' ? message : line}`
  return { level: grade >= PINO_ERROR ? 'error' : 'warn', text }
}

/** An uncaught error as Node prints it, or the sentence that `tallymesh start` ends with. */
function plainError(line: string): ChildWord | undefined {
  return /\b\w*error\b|^tallymesh [a-z]+: /i.test(line) ? { level: 'error', text: line } : undefined
}
