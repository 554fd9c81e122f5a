import { TallymeshError } from './errors.js'

/** The canonical text of a counter's name and labels: `name` or `name{a="x",b="y"}`, labels in order of their names.
 *  In the name, `\` and `{` are escaped by `\`; in label values, `\` and `"`. Made only by this module. */
export type CounterKey = string & { readonly __brand: 'CounterKey' }

/** Labels of a counter, as Prometheus writes them. */
export type Labels = Readonly<Record<string, string>>

export const NAME_BYTES_MAX = 256
export const LABELS_MAX = 16
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u
const utf8 = new TextEncoder()
/** Printable ASCII without what is escaped, and without labels: such a text is its own key. */
const PLAIN = /^[ -[\]-z|}~]{1,256}$/
const [BACKSLASH, BRACE] = [0x5c, 0x7b]
const PLAIN_BYTES_MAX = 256
const REMEMBERED_MAX = 4096
const REMEMBERED_CHARACTERS_MAX = 256
/** Texts that were found canonical: most are asked for again. */
const canonical = new Set<string>()

/** Checks a name of a counter, node or room, or a label's value: at most 256 bytes of UTF-8, no control characters, no lone
 *  surrogates. Everything else is ordinary; no normalisation is applied, so NFC and NFD twins are two names.
 *  @param what how the name is called in the message, such as `counter name`
 *  @param bytesMax another limit, such as for addresses
 *  @throws TallymeshError INVALID_NAME */
export function checkName(what: string, name: unknown, bytesMax = NAME_BYTES_MAX): string {
  if (typeof name !== 'string') {
    throw new TallymeshError('INVALID_NAME', `${what} must be a string, got ${name === null ? 'null' : typeof name}`)
  }
  if (name === '') throw new TallymeshError('INVALID_NAME', `${what} must not be empty`)
  return checkText(what, name, bytesMax)
}

function checkText(what: string, text: string, bytesMax: number): string {
  // A UTF-16 unit takes at most 3 bytes: most names need no counting.
  const bytes = text.length * 3 <= bytesMax ? 0 : utf8.encode(text).length
  if (bytes > bytesMax) {
    throw new TallymeshError('INVALID_NAME', `${what} may have ${bytesMax} bytes of UTF-8, this has ${bytes}`)
  }
  const found = UNPRINTABLE.exec(text)
  if (found) {
    const point = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
    const kind = /\p{Cs}/u.test(found[0]) ? 'lone surrogate' : 'control character'
    throw new TallymeshError(
      'INVALID_NAME',
      `${what} ${JSON.stringify(text)} holds the ${kind} U+${point} at index ${found.index}; remove it`,
    )
  }
  return text
}

/** The key of a counter.
 *  @param name 1 to 256 bytes of UTF-8 without control characters or lone surrogates
 *  @param labels at most 16; names match `[a-zA-Z_][a-zA-Z0-9_]*` (64 characters at most), values are strings of at most 256 bytes
 *  @throws TallymeshError INVALID_NAME */
export function counterKey(name: string, labels?: Labels): CounterKey {
  const text = checkName('counter name', name).replace(/[\\{]/g, '\\$&')
  if (labels === undefined) return text as CounterKey
  // A Map has no own properties: taken as an object, its labels would silently be none.
  if (typeof labels !== 'object' || labels === null || Symbol.iterator in labels) {
    throw new TallymeshError('INVALID_NAME', `labels of counter ${JSON.stringify(name)} must be an object of strings`)
  }
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  if (pairs.length > LABELS_MAX) {
    throw new TallymeshError('INVALID_NAME', `a counter may have ${LABELS_MAX} labels, ${name} has ${pairs.length}`)
  }
  if (pairs.length === 0) return text as CounterKey
  return `${text}{${pairs.map(([label, value]) => labelText(label, value)).join(',')}}` as CounterKey
}

function labelText(label: string, value: unknown): string {
  if (!LABEL_NAME.test(label)) {
    throw new TallymeshError(
      'INVALID_NAME',
      `label name ${JSON.stringify(label)} must be 1 to 64 letters, digits and _, not starting with a digit`,
    )
  }
  if (typeof value !== 'string') {
    throw new TallymeshError('INVALID_NAME', `value of label ${label} must be a string, got ${typeof value}`)
  }
  return `${label}="${checkText(`value of label ${label}`, value, NAME_BYTES_MAX).replace(/[\\"]/g, '\\$&')}"`
}

/** A key taken apart. */
export interface CounterName {
  readonly name: string
  readonly labels: Labels
}

/** Takes a key's text apart; labels may stand in any order. `counterKey` of the answer is the canonical key.
 *  @throws TallymeshError INVALID_NAME */
export function parseCounterKey(text: string): CounterName {
  const reader = new KeyReader(text)
  const name = reader.until('{')
  const labels: Array<[string, string]> = []
  if (!reader.done) {
    reader.expect('{')
    do {
      const label = reader.until('=')
      reader.expect('="')
      labels.push([label, reader.until('"')])
      reader.expect('"')
    } while (reader.accept(','))
    reader.expect('}')
    if (!reader.done) reader.fail('text after the closing }')
    if (new Set(labels.map(([label]) => label)).size < labels.length) reader.fail('a label twice')
  }
  return { name, labels: Object.fromEntries(labels) }
}

/** Whether a text is a key of printable ASCII without what is escaped, and without labels: then it needs no other check. */
export function isPlainKey(text: string): text is CounterKey {
  return PLAIN.test(text)
}

/** The canonical key of a text that may not be canonical. @throws TallymeshError INVALID_NAME */
export function canonicalKey(text: string): CounterKey {
  if (isPlainKey(text) || canonical.has(text)) return text as CounterKey
  const { name, labels } = parseCounterKey(text)
  const key = counterKey(name, labels)
  if (key === text && text.length <= REMEMBERED_CHARACTERS_MAX) {
    if (canonical.size === REMEMBERED_MAX) canonical.clear()
    canonical.add(text)
  }
  return key
}

/** As `isPlainKey`, of `bytes[from, to)`. */
export function isPlainKeyAt(bytes: Uint8Array, from: number, to: number): boolean {
  if (to <= from || to - from > PLAIN_BYTES_MAX) return false
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number
    if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH || byte === BRACE) return false
  }
  return true
}

class KeyReader {
  #at = 0
  constructor(readonly text: string) {}

  get done(): boolean {
    return this.#at === this.text.length
  }

  /** Reads up to `end` or the end of the text, undoing escapes. */
  until(end: string): string {
    let next = this.text.indexOf(end, this.#at)
    if (next === -1) next = this.text.length
    let read = this.text.slice(this.#at, next)
    if (!read.includes('\\')) {
      this.#at = next
      return read
    }
    read = ''
    while (!this.done && this.text[this.#at] !== end) {
      if (this.text[this.#at] === '\\') this.#at++
      if (this.done) this.fail('an escape without a character')
      read += this.text[this.#at++]
    }
    return read
  }

  accept(expected: string): boolean {
    if (!this.text.startsWith(expected, this.#at)) return false
    this.#at += expected.length
    return true
  }

  expect(expected: string): void {
    if (!this.accept(expected)) this.fail(`no ${expected}`)
  }

  fail(what: string): never {
    throw new TallymeshError(
      'INVALID_NAME',
      `counter key ${JSON.stringify(this.text)} has ${what} at index ${this.#at}; the form is name{label="value"}`,
    )
  }
}
