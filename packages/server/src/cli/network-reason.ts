const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was closed',
  EPIPE: 'the connection was closed',
  UND_ERR_SOCKET: 'the connection was closed',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name could not be resolved',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
}

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
])

/** Why a request failed, in words: `fetch` hides the reason in a chain of causes. */
export function networkReason(error: unknown): string {
  let reason = error instanceof Error ? error.message : String(error)
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const { code, name } = cause as NodeJS.ErrnoException
    if (name === 'TimeoutError') return 'no answer in time'
    if (code !== undefined && UNTRUSTED.has(code)) {
      return 'its certificate is not trusted; set NODE_EXTRA_CA_CERTS to the file of the authority that signed it'
    }
    if (code !== undefined && REASONS[code] !== undefined) return REASONS[code]
    // A name with several addresses fails with one error for each.
    if (cause instanceof AggregateError && cause.errors.length > 0) return networkReason(cause.errors[0])
    if (cause.message !== '') reason = cause.message
  }
  return reason
}
