import { TallymeshError } from '@tallymesh/crdt'
import { HELLO_URL_BYTES_MAX } from './hello.js'

/** The path below which a node takes links. */
export const MESH_PATH = '/mesh'

const FORM = /^wss?:\/\/[^\s/\\?#@]+(\/|\/mesh)?$/i

/** Reads the address of a peer, `ws://host:port` or `wss://host:port`, with path `/`, `/mesh` or none. Without a port it
 *  is 80 or 443.
 *  @returns the one form of that address: `ws://host:port/`, the host in lower case and the port always named
 *  @throws TallymeshError INVALID_URL for anything else; its message never holds credentials or a query */
export function parsePeerUrl(text: string): string {
  if (!FORM.test(text) || text.length > HELLO_URL_BYTES_MAX || !URL.canParse(text)) throw invalidUrl(text)
  const { protocol, hostname, port } = new URL(text)
  if (port === '0') throw invalidUrl(text)
  return `${protocol}//${hostname}:${port || (protocol === 'wss:' ? 443 : 80)}/`
}

/** Where the link of a normalised peer URL is dialed. */
export function meshUrl(peerUrl: string): string {
  return new URL(MESH_PATH, peerUrl).href
}

function invalidUrl(text: string): TallymeshError {
  // Credentials and queries are secrets often enough to be kept out of messages and logs.
  const shown = text.includes('@') ? 'an address with "@"' : JSON.stringify(text.split(/[?#]/, 1)[0]?.slice(0, 200))
  const form = 'a peer is addressed as ws://host:port or wss://host:port, without credentials, query or fragment'
  return new TallymeshError('INVALID_URL', `${form}; got ${shown}`)
}
