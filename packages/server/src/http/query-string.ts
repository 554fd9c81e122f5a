/** The name under which a query string that cannot be read is handed on: no parameter is called so. */
export const UNREADABLE = '%'

/** Parameters that hold an integer. */
const INTEGERS = new Set(['limit', 'intervalMs', 'timeoutMs', 'replicas'])
const INTEGER = /^(?:0|[1-9]\d{0,15})$/
/** Names under which programs send secrets. */
const SECRETS = /[?&](?:access_?token|auth|authorization|api_?key|bearer|password|secret|tallymesh_token|token)=/i

/** Takes a query string apart. It never throws, as the router asks for it outside of any request: what is wrong becomes a
 *  parameter that no schema knows. A name that stands twice becomes a list, which no schema takes either. */
export function parseQuery(text: string): Record<string, unknown> {
  const query: Record<string, unknown> = Object.create(null)
  if (text === '') return query
  for (const part of text.split('&')) {
    if (part === '') continue
    const end = part.indexOf('=')
    const name = decoded(end === -1 ? part : part.slice(0, end))
    const value = decoded(end === -1 ? '' : part.slice(end + 1))
    if (name === undefined || value === undefined) return { [UNREADABLE]: '' }
    const read = INTEGERS.has(name) && INTEGER.test(value) ? Number(value) : value
    query[name] = name in query ? [query[name], read] : read
  }
  return query
}

/** Whether a URL holds what looks like a token. URLs end up in the logs of every proxy on the way. */
export function holdsToken(url: string): boolean {
  return url.includes('?') && SECRETS.test(url)
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
