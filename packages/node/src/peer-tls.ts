import { TallymeshError } from '@tallymesh/crdt'
import type { WsTlsOptions } from '@tallymesh/link'

/** What this node trusts and shows when it dials wss peers: PEM texts, as node:tls takes them. */
export interface PeerTls {
  /** The authorities that sign the peers' certificates. Default: those that Node trusts. */
  readonly ca?: string | Buffer | undefined
  /** This node's certificate, where peers ask for one, and its key. */
  readonly cert?: string | Buffer | undefined
  readonly key?: string | Buffer | undefined
}

/** What to dial one wss peer with.
 *  @param name whom its certificate must be made out to, where that is not the host of the URL
 *  @throws TallymeshError TLS_UNUSABLE where `tls` throws */
export function dialTls(tls: (() => PeerTls) | undefined, name: string | undefined): WsTlsOptions {
  try {
    const { ca, cert, key } = tls?.() ?? {}
    // Certificates and SNI name hosts without the dot that ends an absolute name.
    return { ca, cert, key, servername: name?.replace(/\.$/, '') }
  } catch (cause) {
    const text = 'the function tls failed, so no wss peer is dialed; it must answer { ca, cert, key }'
    throw new TallymeshError('TLS_UNUSABLE', text, { cause })
  }
}
