import { parsePeerUrl } from '@tallymesh/link'

/** Where a listener can be dialed by others, in the one form of an address; nowhere for a wildcard, which says nothing of the
 *  machine's name.
 *  @param host as it was asked for
 *  @param bound what the operating system made of it */
export function advertised(host: string, bound: { readonly host: string; readonly port: number }): string[] {
  if (bound.host === '0.0.0.0' || bound.host === '::') return []
  try {
    return [parsePeerUrl(socketUrl(host, bound.port))]
  } catch {
    // An address with a zone, such as fe80::1%eth0, has no form that another machine could dial.
    return []
  }
}

export function socketUrl(host: string, port: number): string {
  return `ws://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}/`
}
