import { isUtf8 } from 'node:buffer'
import { TallymeshError } from '@tallymesh/crdt'

/** A body of this API nests three deep at most. */
const DEPTH_MAX = 16
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/g
/** In JSON without its strings: a fraction, an exponent or a negative zero. */
const NOT_INTEGER = /\d[.eE]|-0/

/** Parses JSON in which nothing is ambiguous: valid UTF-8, no member twice, no `__proto__`, and integers as the only numbers,
 *  so that no two readers understand different amounts. O(length).
 *  @throws TallymeshError REQUEST_INVALID */
export function parseStrictJson(body: Buffer): unknown {
  if (!isUtf8(body)) throw invalid('the body is not valid UTF-8')
  const text = body.toString('utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw invalid(`the body is not JSON: ${place(cause as Error)}`, cause)
  }
  const members = membersIn(value, 0)
  // Most bodies hold nothing that looks like trouble, not even in their strings: those need not be taken apart.
  if (!NOT_INTEGER.test(text) && colonsIn(text) === members) return value
  const bare = text.replace(STRING, '""')
  if (NOT_INTEGER.test(bare)) throw invalid('the body has a number with a fraction, an exponent or a negative zero')
  // JSON.parse keeps the last of two members with one name: fewer are left than were written.
  if (members !== colonsIn(bare)) throw invalid('the body has an object with the same member twice')
  return value
}

function membersIn(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null) return 0
  if (depth === DEPTH_MAX) throw invalid(`the body is nested more than ${DEPTH_MAX} deep`)
  let members = 0
  if (Array.isArray(value)) {
    for (const element of value) members += membersIn(element, depth + 1)
    return members
  }
  for (const name in value) {
    if (name === '__proto__') throw invalid('the body has a member __proto__')
    members += 1 + membersIn((value as Record<string, unknown>)[name], depth + 1)
  }
  return members
}

function colonsIn(bare: string): number {
  let colons = 0
  for (let at = bare.indexOf(':'); at !== -1; at = bare.indexOf(':', at + 1)) colons++
  return colons
}

/** What a parser says, without the text that it quotes: what is quoted may be a secret in the wrong place. */
function place(error: Error): string {
  const found = /at position \d+|Unexpected end of JSON input/.exec(error.message)
  return found ? found[0].replace(/^at/, 'it breaks at') : 'it breaks at an unexpected character'
}

function invalid(text: string, cause?: unknown): TallymeshError {
  return new TallymeshError('REQUEST_INVALID', `${text}; nothing was counted`, cause === undefined ? {} : { cause })
}
