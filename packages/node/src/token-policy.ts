import { TallymeshError } from '@tallymesh/crdt'
import { checkToken, tokenMatcher } from '@tallymesh/link'

/** What somebody who connects wants: `peer` to link as a node, `read` the y-websocket door. */
export type TokenScope = 'peer' | 'read'

/** Which tokens are shown and admitted. Asked each time, so that its answers may change while the node runs; call
 *  `node.recheckTokens()` after fewer are admitted. */
export interface TokenPolicy {
  /** What this node shows to whom it dials: 1 to 1,024 visible ASCII characters, or undefined for none. */
  readonly own: () => string | undefined
  /** Whether somebody who shows this token, or none, may do this. It should take the same time whatever the token. */
  readonly admits: (token: string | undefined, scope: TokenScope) => boolean
}

/** @throws TallymeshError INVALID_OPTION */
export function checkTokenOption(token: unknown): TokenPolicy | undefined {
  if (token === undefined) return undefined
  if (typeof token === 'string' && token !== '') return oneToken(token)
  const { own, admits } = Object(token) as Partial<TokenPolicy>
  if (typeof own === 'function' && typeof admits === 'function') return token as TokenPolicy
  const text = 'token must be a text that is not empty, or a policy with the functions own and admits'
  throw new TallymeshError('INVALID_OPTION', text)
}

/** One secret for the whole room. */
function oneToken(token: string): TokenPolicy {
  const admits = tokenMatcher([checkToken(token)])
  return { own: () => token, admits: shown => admits(shown) }
}

/** Asks the policy, if there is one; without one everybody is admitted. A policy that throws admits nobody and shows nothing,
 *  and is reported once until it answers again. */
export class TokenGate {
  #failing = false

  constructor(
    readonly policy: TokenPolicy | undefined,
    readonly report: (error: TallymeshError) => void,
  ) {}

  /** What to show to whom this node dials. */
  own(): string | undefined {
    return this.#ask(policy => policy.own())
  }

  admits(token: string | undefined, scope: TokenScope): boolean {
    return this.policy === undefined || this.#ask(policy => policy.admits(token, scope)) === true
  }

  #ask<Answer>(question: (policy: TokenPolicy) => Answer): Answer | undefined {
    if (this.policy === undefined) return undefined
    try {
      const answer = question(this.policy)
      this.#failing = false
      return answer
    } catch (cause) {
      // What was thrown may name a token, so it is neither repeated nor kept.
      const kind = cause instanceof Error ? cause.name : typeof cause
      const text = `the token policy threw (${kind}) when it was asked: nobody is admitted, and no token is shown`
      if (!this.#failing) this.report(new TallymeshError('UNAUTHORIZED', text))
      this.#failing = true
      return undefined
    }
  }
}
