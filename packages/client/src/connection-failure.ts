/** Failures that mean by their name alone that no connection was made. */
const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'UND_ERR_CONNECT_TIMEOUT',
])
/** Failures that an open connection can have as well, by what they were met at. */
const CONNECTING = new Set(['connect', 'getaddrinfo', 'getaddrinfoex', 'queryA', 'queryAaaa'])
const CAUSES_MAX = 8

/** Whether a failed `fetch` says that the connection could not be made, so that no byte was sent. What says nothing of the kind,
 *  such as all that a browser throws, is false. */
export function neverConnected(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > CAUSES_MAX) return false
  const { code, syscall, errors, cause } = error as {
    code?: unknown
    syscall?: unknown
    errors?: unknown
    cause?: unknown
  }
  // Several addresses of one name were tried; the error as a whole carries the code of the first only.
  if (Array.isArray(errors)) return errors.length > 0 && errors.every(each => neverConnected(each, depth + 1))
  if (typeof code === 'string') {
    return NEVER_CONNECTED.has(code) || (typeof syscall === 'string' && CONNECTING.has(syscall))
  }
  return neverConnected(cause, depth + 1)
}
