import { createHash, timingSafeEqual } from 'node:crypto'
import { TallymeshError } from '@tallymesh/crdt'

const SCHEME = /^Bearer +([\x21-\x7e]+)$/i

/** Makes the check whether a token is one of `tokens`. It takes the same time whatever the token, so that nobody learns
 *  one by measuring. Several tokens allow for changing them node by node; with none, nobody is admitted.
 *  @throws TallymeshError INVALID_OPTION for an empty token, or one that does not fit an HTTP header */
export function tokenMatcher(tokens: readonly string[]): (token: string | undefined) => boolean {
  const digests = tokens.map(token => digest(checkToken(token)))
  return token => {
    const asked = digest(token ?? '')
    let matches = false
    for (const known of digests) matches = timingSafeEqual(asked, known) || matches
    return matches
  }
}

/** @throws TallymeshError INVALID_OPTION, without the token, for one that does not fit an HTTP header */
export function checkToken(token: string): string {
  if (/^[\x21-\x7e]{1,1024}$/.test(token)) return token
  const rule = 'a token must be 1 to 1024 visible ASCII characters without spaces'
  throw new TallymeshError('INVALID_OPTION', `${rule}; the one given, of ${token.length} characters, is not`)
}

export function bearerHeader(token: string): string {
  return `Bearer ${checkToken(token)}`
}

/** The token of an `Authorization` header. */
export function bearerToken(header: string | undefined): string | undefined {
  return SCHEME.exec(header ?? '')?.[1]
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
