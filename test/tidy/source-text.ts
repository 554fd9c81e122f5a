/** A source split into views of the same length and lines, so that a place in one is the same place in the others. */
export interface SourceViews {
  /** Code alone: comments, and the insides of strings and regular expressions, are blanks. */
  readonly code: string
  /** Comments alone. */
  readonly comments: string
  readonly raw: string
}

/** After these a slash starts a regular expression; after anything else it divides. */
const BEFORE_REGEX = /(?:^|[([{,;=:!&|?+\-*%<>~^]|\b(?:return|typeof|case|do|else|in|of|void|throw|await|yield))\s*$/
const LOOK_BACK = 40

/** Splits TypeScript by a scan of its tokens: enough for rules on words, not a parser. */
export function splitSource(raw: string): SourceViews {
  return new Scan(raw).views()
}

class Scan {
  readonly #raw: string
  readonly #code: string[]
  readonly #comments: string[]
  #at = 0

  constructor(raw: string) {
    this.#raw = raw
    this.#code = [...blanks(raw)]
    this.#comments = [...this.#code]
  }

  views(): SourceViews {
    this.#readCode('')
    return { code: this.#code.join(''), comments: this.#comments.join(''), raw: this.#raw }
  }

  /** Reads code up to `end`, a closing brace of a template, or to the end of the text. */
  #readCode(end: '' | '}'): void {
    let depth = 0
    while (this.#at < this.#raw.length) {
      const char = this.#raw[this.#at] as string
      if (end === '}' && char === '}' && depth === 0) return
      if (char === '{') depth++
      if (char === '}') depth--
      if (this.#raw.startsWith('//', this.#at)) this.#readComment('\n', 0)
      else if (this.#raw.startsWith('/*', this.#at)) this.#readComment('*/', 2)
      else if (char === "'" || char === '"') this.#readString(char)
      else if (char === '`') this.#readTemplate()
      else if (char === '/' && this.#startsRegex()) this.#readRegex()
      else this.#keep()
    }
  }

  #keep(): void {
    this.#code[this.#at] = this.#raw[this.#at] as string
    this.#at++
  }

  #readComment(end: string, kept: number): void {
    const found = this.#raw.indexOf(end, this.#at + 2)
    const stop = found === -1 ? this.#raw.length : found + kept
    for (; this.#at < stop; this.#at++) this.#comments[this.#at] = this.#raw[this.#at] as string
  }

  #readString(quote: string): void {
    this.#keep()
    while (this.#at < this.#raw.length && this.#raw[this.#at] !== quote && this.#raw[this.#at] !== '\n') this.#skip()
    if (this.#at < this.#raw.length) this.#keep()
  }

  #readTemplate(): void {
    this.#keep()
    while (this.#at < this.#raw.length && this.#raw[this.#at] !== '`') {
      if (!this.#raw.startsWith('${', this.#at)) {
        this.#skip()
        continue
      }
      this.#keep()
      this.#keep()
      this.#readCode('}')
      if (this.#at < this.#raw.length) this.#keep()
    }
    if (this.#at < this.#raw.length) this.#keep()
  }

  #readRegex(): void {
    this.#keep()
    let inClass = false
    while (this.#at < this.#raw.length && this.#raw[this.#at] !== '\n') {
      const char = this.#raw[this.#at]
      if (char === '/' && !inClass) break
      if (char === '[') inClass = true
      if (char === ']') inClass = false
      this.#skip()
    }
    if (this.#at < this.#raw.length) this.#keep()
  }

  /** Passes a character of a string, or an escape with the character behind it. */
  #skip(): void {
    this.#at += this.#raw[this.#at] === '\\' ? 2 : 1
  }

  #startsRegex(): boolean {
    return BEFORE_REGEX.test(this.#code.slice(Math.max(0, this.#at - LOOK_BACK), this.#at).join(''))
  }
}

function blanks(raw: string): string {
  return raw.replace(/[^\n]/g, ' ')
}

/** The module names that a source imports or re-exports, also by `import()`, with their lines (from 1). */
export function importsOf(source: SourceViews): Array<{ readonly name: string; readonly line: number }> {
  const found: Array<{ name: string; line: number }> = []
  for (const match of source.code.matchAll(/(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\()\s*(['"])( *)\1/g)) {
    const end = match.index + match[0].length - 1
    const name = source.raw.slice(end - (match[2] as string).length, end)
    found.push({ name, line: lineAt(source.raw, match.index) })
  }
  return found
}

/** The line of a place in a text, from 1. */
export function lineAt(text: string, at: number): number {
  return text.slice(0, at).split('\n').length
}
