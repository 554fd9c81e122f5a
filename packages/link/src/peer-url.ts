import { TallymeshError } from '@tallymesh/crdt'
import { HELLO_URL_BYTES_MAX } from './hello.js'

/** The path below which a node takes links. */
export const MESH_PATH = '/mesh'

const DNS_FORM = /^dns:([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?):(\d{1,5})$/i

const DNS_NAME_BYTES_MAX = 253

const FORM = /^wss?:\/\/[^\s/\\?#@]+(\/|\/mesh)?$/i

/** Reads the address of a peer, `ws://host:port` or `wss://host:port`, with path `/`, `/mesh` or none. Without a port it
 *  is 80 or 443.
 *  @returns the one form of that address: `ws://host:port/`, the host in lower case and the port always named
 *  @throws TallymeshError INVALID_URL for anything else; its message never holds credentials or a query */
export function parsePeerUrl(text: string): string {
  if (!FORM.test(text) || text.length > HELLO_URL_BYTES_MAX) throw invalidUrl(text)
  const { protocol, hostname, port } = parsed(text)
  const url = `${protocol}//${hostname}:${port || (protocol === 'wss:' ? 443 : 80)}/`
  // A host in other letters than ASCII grows: what stands in records is this form.
  if (port === '0' || url.length > HELLO_URL_BYTES_MAX) throw invalidUrl(text)
  return url
}

function parsed(text: string): URL {
  try {
    return new URL(text)
  } catch {
    throw invalidUrl(text)
  }
}

/** A seed that stands for every address that a name resolves to. */
export interface DnsSeed {
  /** In lower case. */
  readonly name: string
  readonly port: number
}

/** Reads `dns:NAME:PORT`; undefined for what does not begin so.
 *  @throws TallymeshError INVALID_URL for what begins so and is none */
export function parseDnsSeed(text: string): DnsSeed | undefined {
  if (!/^dns:/i.test(text)) return undefined
  const [, name = '', digits = ''] = DNS_FORM.exec(text) ?? []
  const port = Number(digits)
  if (name === '' || name.length > DNS_NAME_BYTES_MAX || port < 1 || port > 65_535) {
    const form = 'a name whose addresses are seeds is given as dns:NAME:PORT, such as dns:tallymesh.example:7001'
    throw new TallymeshError('INVALID_URL', `${form}; got ${JSON.stringify(text.slice(0, 200))}`)
  }
  return { name: name.toLowerCase(), port }
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
