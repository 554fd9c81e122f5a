import { refuse } from './client-error.js'
import { given } from './given.js'

const TEXT_BYTES_MAX = 256
const LABELS_MAX = 16
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u
const utf8 = new TextEncoder()

/** The canonical text of a counter's name and labels: `name` or `name{a="x",b="y"}`, labels in order of their names.
 *  @param name 1 to 256 bytes of UTF-8 without control characters or lone surrogates; `\` and `{` are escaped
 *  @param labels at most 16; names match `[a-zA-Z_][a-zA-Z0-9_]*` (64 characters at most), values are strings of at most 256 bytes
 *  @throws TallymeshClientError INVALID_NAME */
export function counterKey(name: string, labels: Readonly<Record<string, string>> = {}): string {
  // A Map has no own properties: taken as an object, its labels would silently be none.
  if (typeof labels !== 'object' || labels === null || Symbol.iterator in labels) {
    throw refuse('INVALID_NAME', `labels of counter ${JSON.stringify(name)} must be an object of strings`)
  }
  return keyText(name, Object.entries(labels))
}

function keyText(name: unknown, labels: ReadonlyArray<readonly [string, unknown]>): string {
  if (name === '') throw refuse('INVALID_NAME', 'counter name must not be empty')
  const text = checkText('counter name', name).replace(/[\\{]/g, '\\$&')
  if (labels.length > LABELS_MAX) {
    throw refuse('INVALID_NAME', `a counter may have ${LABELS_MAX} labels, ${text} has ${labels.length}`)
  }
  if (labels.length === 0) return text
  const sorted = [...labels].sort(([a], [b]) => (a < b ? -1 : 1))
  return `${text}{${sorted.map(([label, value]) => labelText(label, value)).join(',')}}`
}

function labelText(label: string, value: unknown): string {
  if (!LABEL_NAME.test(label)) {
    const rule = 'must be 1 to 64 letters, digits and _, not starting with a digit'
    throw refuse('INVALID_NAME', `label name ${JSON.stringify(label)} ${rule}`)
  }
  return `${label}="${checkText(`value of label ${label}`, value).replace(/[\\"]/g, '\\$&')}"`
}

function checkText(what: string, text: unknown): string {
  if (typeof text !== 'string') throw refuse('INVALID_NAME', `${what} must be a string, got ${given(text)}`)
  // A UTF-16 unit takes at most 3 bytes: most texts need no counting.
  const bytes = text.length * 3 <= TEXT_BYTES_MAX ? 0 : utf8.encode(text).length
  if (bytes > TEXT_BYTES_MAX) {
    throw refuse('INVALID_NAME', `${what} may have ${TEXT_BYTES_MAX} bytes of UTF-8, this has ${bytes}`)
  }
  if (UNPRINTABLE.test(text)) {
    throw refuse('INVALID_NAME', `${what} ${JSON.stringify(text)} holds a control character or a lone surrogate`)
  }
  return text
}

// Twice what the longest canonical key has.
const KEY_LENGTH_MAX = 20_000
/** Texts that are remembered, and how long they may be: most calls name a counter that was named before. */
const KNOWN_MAX = 10_000
const KNOWN_LENGTH_MAX = 256
const known = new Map<string, string>()
const NAME_PART = /^((?:[^\\{]|\\[\s\S])+)(?:\{([\s\S]*)\})?$/
const LABEL_PART = /((?:[^\\=]|\\[\s\S])*)="((?:[^\\"]|\\[\s\S])*)"(,|$)/y

/** The canonical key of a text in which labels stand in any order. Checked here, since one wrong key would make the server
 *  refuse a whole batch.
 *  @throws TallymeshClientError INVALID_NAME */
export function canonicalKey(key: unknown): string {
  if (typeof key !== 'string') throw refuse('INVALID_NAME', `a counter key must be a string, got ${given(key)}`)
  const found = known.get(key)
  if (found !== undefined) return found
  const canonical = parsedKey(key)
  if (key.length <= KNOWN_LENGTH_MAX) {
    if (known.size >= KNOWN_MAX) known.clear()
    known.set(key, canonical)
  }
  return canonical
}

function parsedKey(key: string): string {
  if (key.length > KEY_LENGTH_MAX) throw refuse('INVALID_NAME', `a counter key of ${key.length} characters is too long`)
  const parts = NAME_PART.exec(key)
  if (!parts) throw malformed(key)
  const [, name = '', labels] = parts
  const pairs = labels === undefined ? [] : labelPairs(key, labels)
  if (new Set(pairs.map(([label]) => label)).size < pairs.length) throw malformed(key, ' names a label twice;')
  return keyText(unescaped(name), pairs)
}

function labelPairs(key: string, text: string): Array<[string, string]> {
  const pairs: Array<[string, string]> = []
  LABEL_PART.lastIndex = 0
  for (let more = true; more; ) {
    const pair = LABEL_PART.exec(text)
    if (!pair) throw malformed(key)
    const [, label = '', value = '', end] = pair
    pairs.push([unescaped(label), unescaped(value)])
    more = end === ','
  }
  return pairs
}

function unescaped(text: string): string {
  return text.replace(/\\([\s\S])/g, '$1')
}

function malformed(key: string, what = ''): Error {
  return refuse('INVALID_NAME', `counter key ${JSON.stringify(key)}${what} is not of the form name{label="value"}`)
}
