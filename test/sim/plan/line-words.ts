/** A word that stands without quotes: what is seen, and no start of a quote or comment. */
const BARE = /^(?!["#])[^\s#\p{C}\p{Z}]+$/u
/** Words that follow a key somewhere: a key of this name is quoted. */
const TAKEN = new Set(['replicas'])
const NODE = /^[a-z][a-z0-9]*$/
const DURATION = /^([+-]?)(\d+(?:\.\d+)?)(ms|s|min|h)?$/
const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['min', 60_000],
  ['h', 3_600_000],
])

/** A key as a word of a line: in quotes, as JSON writes them, where it holds spaces and the like. */
export function printKey(key: string): string {
  return BARE.test(key) && !TAKEN.has(key) ? key : JSON.stringify(key)
}

/** A number as `LineWords` reads it again. Finite; at most 3 decimals count. */
export function printNumber(value: number): string {
  return String(Math.round(value * 1000) / 1000)
}

interface Word {
  readonly text: string
  readonly quoted: boolean
}

/** Reads the words of one line, one after another. Every method throws an Error that says what was expected and what stands
 *  there. */
export class LineWords {
  readonly #words: readonly Word[]
  #at = 0

  constructor(readonly line: string) {
    this.#words = split(line)
  }

  /** Whether all words were read. */
  get done(): boolean {
    return this.#at === this.#words.length
  }

  /** The next word, which stays unread; empty at the end, and where a quoted key comes. */
  get peek(): string {
    const word = this.#words[this.#at]
    return word === undefined || word.quoted ? '' : word.text
  }

  /** Whether a time comes next. */
  get startsWithTime(): boolean {
    const word = this.#words[this.#at]
    return word !== undefined && !word.quoted && durationMs(word.text) >= 0
  }

  /** Reads a word that is no key. */
  next(what: string): string {
    const word = this.#words[this.#at]
    if (word === undefined || word.quoted) this.#fail(what)
    this.#at++
    return word.text
  }

  /** Goes on if this word comes next. */
  accept(text: string): boolean {
    if (!this.comes(text)) return false
    this.#at++
    return true
  }

  /** Whether this word comes next; it stays unread. */
  comes(text: string): boolean {
    const word = this.#words[this.#at]
    return word !== undefined && !word.quoted && word.text === text
  }

  expect(text: string): void {
    if (!this.accept(text)) this.#fail(text)
  }

  end(): void {
    if (!this.done) this.#fail('the end of the line')
  }

  key(): string {
    const word = this.#words[this.#at]
    if (word === undefined) this.#fail('a counter key')
    this.#at++
    return word.text
  }

  node(): string {
    return this.#matching('a node, such as a', text => NODE.test(text))
  }

  /** One of these words. */
  one<Choice extends string>(choices: readonly Choice[]): Choice {
    return this.#matching(choices.join(' or '), text => choices.some(choice => choice === text)) as Choice
  }

  integer(what: string, min: number, max: number): number {
    const isIt = (text: string) => /^[+-]?\d+$/.test(text) && Number(text) >= min && Number(text) <= max
    return Number(this.#matching(`${what}: an integer from ${min} to ${max}`, isIt))
  }

  /** A whole number of any size, as its digits. */
  whole(what: string): string {
    return this.#matching(`${what}: a whole number`, text => /^-?\d+$/.test(text))
  }

  percent(): number {
    const isIt = (text: string) => /^\d+(\.\d+)?$/.test(text) && Number(text) <= 100
    return Number(this.#matching('a share: a number from 0 to 100 percent', isIt))
  }

  /** A time of at least 0, in ms. */
  ms(what: string): number {
    return durationMs(this.#matching(`${what}: a time such as 500, 500ms, 2s or 1h`, text => durationMs(text) >= 0))
  }

  /** A time that may be negative, in ms. */
  signedMs(what: string): number {
    const isIt = (text: string) => !Number.isNaN(durationMs(text))
    return durationMs(this.#matching(`${what}: a time such as +500, -2s or +1h`, isIt))
  }

  #matching(what: string, isIt: (text: string) => boolean): string {
    const word = this.#words[this.#at]
    if (word === undefined || word.quoted || !isIt(word.text)) this.#fail(what)
    this.#at++
    return word.text
  }

  #fail(expected: string): never {
    const word = this.#words[this.#at]
    const before = this.#words.slice(0, this.#at).map(({ text }) => text)
    const where = before.length === 0 ? 'at the start' : `after "${before.join(' ')}"`
    throw new Error(
      `expected ${expected} ${where}, found ${word === undefined ? 'nothing' : JSON.stringify(word.text)}`,
    )
  }
}

/** NaN where it is no time. */
function durationMs(text: string): number {
  const [, sign, digits, unit = 'ms'] = DURATION.exec(text) ?? []
  if (digits === undefined) return Number.NaN
  const ms = Math.round(Number(digits) * (UNITS_MS.get(unit) ?? Number.NaN) * 1000) / 1000
  return sign === '-' && ms !== 0 ? -ms : ms
}

function split(line: string): Word[] {
  const words: Word[] = []
  const pattern = /[ \t\r]*(?:(#.*$)|("(?:[^"\\]|\\.)*")(?=[ \t\r]|$)|([^ \t\r]+))/suy
  for (;;) {
    const [, comment, quoted, bare] = pattern.exec(line) ?? []
    if (quoted !== undefined) words.push({ text: unquote(quoted), quoted: true })
    else if (bare !== undefined) words.push({ text: checkBare(bare), quoted: false })
    if (comment !== undefined || (quoted ?? bare) === undefined) return words
  }
}

function unquote(quoted: string): string {
  try {
    return String(JSON.parse(quoted))
  } catch {
    throw new Error(`${quoted} is no string as JSON writes them`)
  }
}

function checkBare(word: string): string {
  if (word.startsWith('"')) throw new Error(`a quote that does not end: ${word}`)
  return word
}
