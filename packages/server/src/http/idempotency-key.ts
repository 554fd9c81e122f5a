import { createHash } from 'node:crypto'
import { TallymeshError } from '@tallymesh/crdt'

const BYTES_MAX = 64
/** What a structured field allows in a string, without escapes: RFC 9651, 3.3.3. */
const KEY = /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** The operation that a request's Idempotency-Key names, as a UUID; undefined where it has none. A UUID is taken as it is: one of version 7 is
 *  refused once it is older than the retry window. Any other key, 1 to 64 characters of ASCII, in quotes or bare, is hashed.
 *  @throws TallymeshError INVALID_OPERATION */
export function operationOf(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  const text = typeof header === 'string' ? header.trim() : header.join(', ')
  const quoted = text.length > 1 && text.startsWith('"') && text.endsWith('"')
  const key = quoted ? text.slice(1, -1) : text
  if (UUID.test(key)) return key
  if (key.length > BYTES_MAX || !KEY.test(key)) {
    const found = key === '' ? 'an empty one' : `one of ${key.length} characters`
    const text = `Idempotency-Key must be 1 to ${BYTES_MAX} characters of printable ASCII without " and \\, got ${found}`
    throw new TallymeshError('INVALID_OPERATION', `${text}; nothing was counted`)
  }
  const digits = createHash('sha256').update(key, 'latin1').digest('hex').slice(0, 32)
  // Version 8 is for custom formats: no time is read from it.
  return `${digits.slice(0, 12)}8${digits.slice(13)}`
}
