import type { Counted } from './client-error.js'

const CODE = /^[A-Z][A-Z0-9_]{2,63}$/
const DETAIL_LENGTH_MAX = 1_000

/** What a tallymesh server says when it does not do what was asked. */
export interface Problem {
  readonly code: string
  readonly detail: string
  /** Undefined where the answer does not say. */
  readonly counted: Counted | undefined
}

/** Reads an answer as a problem of ours: `application/problem+json` with a code. Undefined for everything else, such as a page of
 *  a load balancer. */
export function parseProblem(contentType: string | null, text: string): Problem | undefined {
  if (!/^application\/problem\+json\s*(?:;|$)/i.test(contentType ?? '')) return undefined
  const body = parseJson(text)
  if (typeof body !== 'object' || body === null) return undefined
  const { code, detail, counted } = body as { code?: unknown; detail?: unknown; counted?: unknown }
  if (typeof code !== 'string' || !CODE.test(code)) return undefined
  return {
    code,
    detail: typeof detail === 'string' ? detail.slice(0, DETAIL_LENGTH_MAX) : '',
    counted: typeof counted === 'boolean' || counted === 'perhaps' ? counted : undefined,
  }
}

/** Undefined where it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
