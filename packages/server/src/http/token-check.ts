import { TallymeshError } from '@tallymesh/crdt'
import type { Scope } from '../security/token-lines.js'
import type { Tokens } from '../security/tokens.js'

/** What checking needs of the tokens. */
export type TokenCheck = Pick<Tokens, 'find' | 'size'>

const BEARER = /^Bearer +([\x21-\x7e]+) *$/i

/** The token of an `Authorization` header; undefined where there is none, or one of another form. */
export function bearerOf(header: string | undefined): string | undefined {
  return header === undefined ? undefined : BEARER.exec(header)?.[1]
}

/** Why a token may not do what `scope` names: UNAUTHORIZED where it is missing or unknown, FORBIDDEN where it lacks the scope;
 *  undefined where it may. Without configured tokens everybody may everything. */
export function scopeRefusal(
  tokens: TokenCheck | undefined,
  token: string | undefined,
  scope: Scope,
): TallymeshError | undefined {
  if (tokens === undefined || tokens.size === 0) return undefined
  const known = tokens.find(token)
  if (!known) {
    const missing = 'a token is missing; send it as: Authorization: Bearer <token>'
    return new TallymeshError('UNAUTHORIZED', token === undefined ? missing : 'the token is not known here')
  }
  if (known.scopes.has(scope)) return undefined
  return new TallymeshError('FORBIDDEN', `the token does not have the scope ${scope}`)
}
