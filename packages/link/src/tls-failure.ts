import type { TLSSocket } from 'node:tls'
import { TallymeshError } from '@tallymesh/crdt'

/** What is wrong with a peer's certificate, and what to do, by the code that OpenSSL or Node gives it. */
const WRONG: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired; renew it on that node, and see that the clocks of both are right',
  CERT_NOT_YET_VALID: 'it is not valid yet; see that the clocks of both nodes are right',
  CERT_REVOKED: 'it was revoked; give that node another one',
}

/** Codes of a chain that ends at nobody whom this node trusts. */
const UNTRUSTED = /^(?:SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_.*|CERT_UNTRUSTED)$/

/** Alerts with which a server refuses the certificate of its client, or the lack of one. */
const REFUSED_BY_PEER = /ALERT_(?:CERTIFICATE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/

const BROKEN = /^(?:ECONNRESET|EPIPE)$/

/** OpenSSL's own failures: another version, no common cipher, no TLS at all. */
const FAILED = /^(?:EPROTO|ERR_SSL_.*)$/

/** The failure of a TLS connection as an error that says what is wrong with it, the same each time; undefined where the
 *  connection broke below TLS.
 *  @param socket the connection; undefined where it could not even be begun
 *  @param showed whether this node has a certificate to show */
export function tlsFailure(
  dialed: string,
  error: Error,
  socket: TLSSocket | undefined,
  showed: boolean,
): TallymeshError | undefined {
  const code = 'code' in error ? String(error.code) : ''
  const cause = { cause: error }
  if (socket === undefined) {
    const text = `the certificate, key or authority of this node cannot be used to dial ${dialed}: ${reason(error)}`
    return new TallymeshError('TLS_UNUSABLE', `${text}; see that they are PEM files that belong together`, cause)
  }
  if (socket.authorizationError && String(socket.authorizationError) === code) {
    const text = `${dialed} shows a certificate that is not accepted: ${wrong(code, error)}`
    return new TallymeshError('CERTIFICATE_REFUSED', text, cause)
  }
  // Node's own servers send no alert for a certificate that they do not accept: they end the connection.
  const broken = showed && socket.authorized && BROKEN.test(code)
  if (broken || REFUSED_BY_PEER.test(code)) {
    return new TallymeshError('CERTIFICATE_REFUSED', refusedByPeer(dialed, showed), cause)
  }
  if (!FAILED.test(code)) return undefined
  const text = `${dialed} and this node do not agree on TLS: ${reason(error)}; is it a wss address?`
  return new TallymeshError('WRONG_PROTOCOL', text, cause)
}

function wrong(code: string, error: Error): string {
  const known = WRONG[code]
  if (known !== undefined) return `${known} (${code})`
  if (UNTRUSTED.test(code)) {
    const rule = 'it is signed by nobody whom this node trusts; give this node the authority that signed it (tls: ca)'
    return `${rule}, or that node another certificate (${code})`
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const text =
      'it is made out to other names; name the peer as its certificate does, or have it made out to this address'
    return `${text} (${reason(error)})`
  }
  return `${reason(error)} (${code})`
}

function refusedByPeer(dialed: string, showed: boolean): string {
  if (!showed) return `${dialed} asks for a certificate, and this node has none; give it one (tls: cert and key)`
  const text = `${dialed} ended the connection when it saw the certificate of this node`
  return `${text}; see that it is valid, and signed by an authority that the peer trusts`
}

/** What OpenSSL says, without the addresses in memory that it begins with. */
function reason(error: Error): string {
  const line = error.message.split('\n', 1)[0] as string
  return /:error:[^:]*:[^:]*:[^:]*:([^:]+)/.exec(line)?.[1] ?? line
}
