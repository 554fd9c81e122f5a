import { bearerToken, checkToken, tokenMatcher } from '@tallymesh/link'
import { SCOPES, type Scope, Tokens } from '@tallymesh/server'
import type { Prng } from '../prng.js'
import { bytesOf, textOf } from '../sample-texts.js'
import { decoded, must, type OpenTarget, type Outcome, type Target } from '../target.js'

const SECRETS = ['correct-horse-battery', 's3cr3t-of-the-room', '~'.repeat(1_024), 'eyJhbGciOi.J9==']
const FORMS: readonly ((secret: string, prng: Prng) => string)[] = [
  secret => secret,
  (secret, prng) => prng.pick([` ${secret}`, `${secret} `, `${secret}\n`, secret.toUpperCase(), secret.slice(0, -1)]),
  secret => `Bearer ${secret}`,
  secret => `bEARER    ${secret} `,
  (secret, prng) => `${secret} ${prng.pick(SCOPES)}`,
  (secret, prng) => `# tokens\n${secret} read,${prng.pick(SCOPES)} the name\n\n${prng.pick(SECRETS)} peer\r\n`,
  () => `${'a '.repeat(400)}\n`.repeat(20),
]

/** Tokens as headers, WebSocket subprotocols and files bring them: `bearerToken`, `checkToken`, `tokenMatcher`,
 *  `Tokens.parse`. */
export const token: Target = {
  name: 'token',
  share: 1_000,
  codes: ['INVALID_OPTION', 'TOKENS_UNUSABLE'],
  open: () => new TokenTarget(),
}

class TokenTarget implements OpenTarget {
  readonly #matches = tokenMatcher(SECRETS)

  sample(prng: Prng): Uint8Array {
    return bytesOf(prng.pick(FORMS)(prng.pick(SECRETS), prng), prng)
  }

  feed(bytes: Uint8Array): Outcome {
    const text = textOf(bytes)
    must(this.#matches(text) === SECRETS.includes(text), 'a token was admitted that is none, or the other way round')
    const shown = bearerToken(text)
    must(shown === undefined || (text.includes(shown) && /^[\x21-\x7e]+$/.test(shown)), 'a header was misread')
    const file = decoded(() => Tokens.parse(text))
    if ('made' in file) checkTokens(file.made, text)
    const checked = quiet(() => checkToken(text), text)
    if ('code' in file) quiet(() => Tokens.parse(text), text)
    if ('made' in checked) return 'accepted'
    return 'code' in file ? file.code : 'accepted'
  }
}

/** Tokens admit whoever a line names, with the scopes of that line, and nobody else. */
function checkTokens(tokens: Tokens, text: string): void {
  const scopes = new Map<string, string[]>()
  for (const line of text.split('\n').map(each => each.trim())) {
    const [secret = '', named = ''] = line.split(/\s+/)
    if (line !== '' && !line.startsWith('#')) scopes.set(secret, named.split(','))
  }
  must(tokens.size === scopes.size, `${tokens.size} tokens were read from ${scopes.size} lines`)
  if (tokens.size === 0) return
  for (const scope of SCOPES) {
    for (const [secret, allowed] of scopes) must(tokens.admits(secret, scope) === allowed.includes(scope), wrong(scope))
    for (const secret of [undefined, '', 'nobody', text]) {
      must(
        tokens.admits(secret, scope) === (secret !== undefined && scopes.get(secret)?.includes(scope) === true),
        wrong(scope),
      )
    }
  }
}

function wrong(scope: Scope): string {
  return `somebody may ${scope} who may not, or the other way round`
}

/** A refusal never holds the token. */
function quiet<Made>(decode: () => Made, text: string): ReturnType<typeof decoded<Made>> {
  return decoded(() => {
    try {
      return decode()
    } catch (error) {
      const { message } = error as Error
      const told = SECRETS.filter(secret => text.includes(secret) && message.includes(secret))
      must(told.length === 0, `a refusal holds a token: ${message}`)
      throw error
    }
  })
}
