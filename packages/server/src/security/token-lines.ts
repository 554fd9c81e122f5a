import { TallymeshError } from '@tallymesh/crdt'

/** What a token may be allowed: `read` counters, members and metrics; `write` counts; `peer` links as a node; `admin` removes
 *  members, exports and imports. None implies another. */
export type Scope = 'read' | 'write' | 'peer' | 'admin'

export const SCOPES: readonly Scope[] = ['read', 'write', 'peer', 'admin']

const TOKEN = /^[\x21-\x7e]{1,1024}$/

/** One line of a tokens file. */
export interface TokenLine {
  readonly token: string
  readonly scopes: readonly Scope[]
  /** For people; undefined where the line has none. */
  readonly name: string | undefined
}

/** Reads lines `<token> <scope>[,<scope>…] [name]`; blank ones and those that start with `#` say nothing.
 *  @param where how the text is called in a message, such as the path of its file
 *  @throws TallymeshError TOKENS_UNUSABLE, which names the line and never the token */
export function parseTokenLines(text: string, separator: '\n' | ';', where: string): TokenLine[] {
  const lines: TokenLine[] = []
  const seen = new Map<string, number>()
  text.split(separator).forEach((raw, index) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) return
    const place = `${separator === ';' ? 'part' : 'line'} ${index + 1} of ${where}`
    const [token = '', scopes = '', ...name] = line.split(/\s+/)
    if (!TOKEN.test(token)) {
      throw unusable(place, 'has a token that is not 1 to 1024 visible ASCII characters')
    }
    if (scopes === '') {
      throw unusable(place, `names no scope; the form is: <token> <scope>[,<scope>] [name], with ${SCOPES.join(', ')}`)
    }
    const twin = seen.get(token)
    if (twin !== undefined)
      throw unusable(
        place,
        `repeats the token of ${separator === ';' ? 'part' : 'line'} ${twin}; give each token one line`,
      )
    seen.set(token, index + 1)
    lines.push({
      token,
      scopes: scopes.split(',').map((scope, at) => checkScope(scope, at, place)),
      name: name.length === 0 ? undefined : name.join(' '),
    })
  })
  return lines
}

function checkScope(scope: string, at: number, place: string): Scope {
  if ((SCOPES as readonly string[]).includes(scope)) return scope as Scope
  // What stands there may be a token that lost its place: it is not shown.
  throw unusable(place, `has a scope, number ${at + 1}, that is none of ${SCOPES.join(', ')}`)
}

function unusable(place: string, what: string): TallymeshError {
  return new TallymeshError('TOKENS_UNUSABLE', `${place} ${what}`)
}
