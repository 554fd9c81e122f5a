import { type ReplicaId, type StoreId, TallymeshError } from '@tallymesh/crdt'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { Hello } from './link.js'
import { decodeText, decodeUint, encodeText } from './text.js'

/** The version of the protocol that this code speaks. */
export const PROTOCOL_VERSION = 1

/** The longest room or node name in a hello, in bytes of UTF-8. */
export const HELLO_NAME_BYTES_MAX = 256

export const HELLO_URLS_MAX = 8

/** The longest URL in a hello, in bytes of UTF-8. */
export const HELLO_URL_BYTES_MAX = 1024

/** `TMSH`: the first bytes of every hello of every version. */
const MAGIC = Uint8Array.of(0x54, 0x4d, 0x53, 0x48)

const ID_BYTES = 16

/** The body of a hello frame: magic, version, then what the version defines. The magic and the place of the version
 *  never change, so that any two versions can tell each other apart.
 *  @throws TallymeshError INVALID_OPTION where a field is over its limit */
export function encodeHello(hello: Hello): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeUint8Array(encoder, MAGIC)
  encoding.writeVarUint(encoder, hello.version)
  encodeText(encoder, 'the room', hello.room, HELLO_NAME_BYTES_MAX)
  encodeText(encoder, 'the node name', hello.name, HELLO_NAME_BYTES_MAX)
  encodeId(encoder, 'the store id', hello.store)
  encodeId(encoder, 'the instance', hello.instance)
  encoding.writeVarUint(encoder, hello.replica)
  if (hello.urls.length > HELLO_URLS_MAX) {
    throw new TallymeshError('INVALID_OPTION', `a node may name ${HELLO_URLS_MAX} URLs, got ${hello.urls.length}`)
  }
  encoding.writeVarUint(encoder, hello.urls.length)
  for (const url of hello.urls) encodeText(encoder, 'a URL', url, HELLO_URL_BYTES_MAX)
  return encoding.toUint8Array(encoder)
}

/** Reads the body of a hello frame. Names and URLs are checked for length only.
 *  @param version the version spoken here; after a hello of another version nothing but its number is read
 *  @throws TallymeshError WRONG_PROTOCOL without the magic, WRONG_VERSION for another version, FRAME_DAMAGED when what
 *    follows breaks the format */
export function decodeHello(body: Uint8Array, version = PROTOCOL_VERSION): Hello {
  if (!MAGIC.every((byte, at) => body[at] === byte)) {
    throw new TallymeshError('WRONG_PROTOCOL', 'the hello does not begin as one of tallymesh; is the address right?')
  }
  const decoder = decoding.createDecoder(body.subarray(MAGIC.length))
  try {
    const spoken = decoding.readVarUint(decoder)
    if (spoken !== version) {
      const both = `one side speaks version ${spoken} of the protocol, the other version ${version}`
      throw new TallymeshError('WRONG_VERSION', `${both}; bring both nodes to the same release`)
    }
    const hello = decodeFields(decoder, spoken)
    if (decoding.hasContent(decoder)) throw new RangeError('bytes follow the last field')
    return hello
  } catch (error) {
    if (error instanceof TallymeshError) throw error
    throw new TallymeshError('FRAME_DAMAGED', `a hello breaks the format: ${String(error)}`, { cause: error })
  }
}

function decodeFields(decoder: decoding.Decoder, version: number): Hello {
  const room = decodeText(decoder, HELLO_NAME_BYTES_MAX)
  const name = decodeText(decoder, HELLO_NAME_BYTES_MAX)
  const store = decodeId(decoder) as StoreId
  const instance = decodeId(decoder)
  const replica = decodeUint(decoder, Number.MAX_SAFE_INTEGER) as ReplicaId | 0
  const count = decodeUint(decoder, HELLO_URLS_MAX)
  const urls = Array.from({ length: count }, () => decodeText(decoder, HELLO_URL_BYTES_MAX))
  return { version, room, name, store, instance, replica, urls }
}

function encodeId(encoder: encoding.Encoder, what: string, id: string): void {
  if (!/^[0-9a-f]{32}$/.test(id)) {
    throw new TallymeshError('INVALID_OPTION', `${what} must be 32 hexadecimal digits, got ${JSON.stringify(id)}`)
  }
  encoding.writeUint8Array(encoder, Buffer.from(id, 'hex'))
}

function decodeId(decoder: decoding.Decoder): string {
  return Buffer.from(decoding.readUint8Array(decoder, ID_BYTES)).toString('hex')
}
