import * as encoding from 'lib0/encoding'
import type { TallymeshNode } from 'tallymesh'
import * as Y from 'yjs'
import { Scratch } from '../../cluster/scratch.js'
import { join } from '../mutate.js'
import type { Prng } from '../prng.js'
import { RawWebSocket } from '../raw-web-socket.js'
import { must, type OpenTarget, type Outcome, type Target } from '../target.js'

/** The y-websocket door of a real node: a byte of 1 for a text message, then the message. */
export const door: Target = {
  name: 'door',
  share: 1_000,
  codes: ['DOOR_READ_ONLY', 'WRONG_PROTOCOL'],
  open: async () => {
    const scratch = new Scratch()
    try {
      const node = await scratch.open('a', { listen: { port: 0 } })
      for (const name of ['orders', 'visits']) await node.counter(name).increment(5)
      return new DoorTarget(scratch, node)
    } catch (error) {
      await scratch.remove()
      throw error
    }
  },
}

/** What the WebSocket protocol calls them: of another protocol, of another type, not UTF-8, too long. */
const CLOSED_BY_DOOR = [1002, 1003, 1007, 1009]
const DENIED = Buffer.of(2, 0)

class DoorTarget implements OpenTarget {
  readonly #samples: readonly Uint8Array[]
  #client: RawWebSocket | undefined
  #probes = 0

  constructor(
    readonly scratch: Scratch,
    readonly node: TallymeshNode,
  ) {
    const doc = new Y.Doc()
    doc.clientID = 4_711
    doc.getMap('orders').set('value', 1_000_000)
    const update = Y.encodeStateAsUpdate(doc)
    const vectors = [
      Y.encodeStateVector(doc),
      Y.encodeStateVector(new Y.Doc()),
      Y.encodeStateVector(new Map([[1, 2 ** 40]])),
    ]
    this.#samples = [
      ...vectors.map(vector => sync(0, vector)),
      ...[1, 2].map(type => sync(type, update)),
      ...[Uint8Array.of(1, 5, 1, 42, 1, 1, 0x7d), Uint8Array.of(2, 0, 1, 65), Uint8Array.of(3)],
    ].map(message => join(Uint8Array.of(0), message))
  }

  sample(prng: Prng): Uint8Array {
    return prng.pick(this.#samples)
  }

  async feed(bytes: Uint8Array): Promise<Outcome> {
    const { node } = this
    const before = stateOf(node)
    const client = (this.#client ??= await RawWebSocket.open(`${node.url}yjs/shop`))
    client.heard.length = 0
    const message = bytes.subarray(1)
    client.send(bytes[0] === 1 ? Buffer.from(message).toString('utf8') : message)
    // What is said of awareness comes back as it is.
    const probe = Buffer.concat([Buffer.of(1), Buffer.from(`probe ${this.#probes++}`)])
    client.send(probe)
    await client.until(heard => heard.equals(probe))
    must(node.status === 'ready', `the node is ${node.status}`)
    must(stateOf(node) === before, `the node holds ${stateOf(node)}, not ${before}`)
    if (client.ended) return this.#ended(client.ended)
    return client.heard.some(heard => heard.subarray(0, 2).equals(DENIED) && heard.includes('DOOR_READ_ONLY'))
      ? 'DOOR_READ_ONLY'
      : 'accepted'
  }

  async close(): Promise<void> {
    this.#client?.close()
    await this.scratch.remove()
  }

  #ended({ code, reason }: { readonly code: number; readonly reason: string }): Outcome {
    this.#client = undefined
    must(CLOSED_BY_DOOR.includes(code) && (reason !== '' || code > 1003), `the door was closed with ${code} ${reason}`)
    return 'WRONG_PROTOCOL'
  }
}

function stateOf(node: TallymeshNode): string {
  return JSON.stringify([[...node.counters()], node.stats.logs, node.stats.commits, node.members().length])
}

function sync(type: number, payload: Uint8Array): Uint8Array {
  const encoder = encoding.createEncoder()
  for (const field of [0, type]) encoding.writeVarUint(encoder, field)
  encoding.writeVarUint8Array(encoder, payload)
  return encoding.toUint8Array(encoder)
}
