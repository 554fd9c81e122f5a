import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { type StoreId, storeId, type TallymeshError } from '@tallymesh/crdt'
import {
  decodeFrame,
  decodeRefusal,
  encodeFrame,
  encodeHello,
  FRAME_HELLO,
  FRAME_REFUSAL,
  type Hello,
  meshUrl,
  PROTOCOL_VERSION,
} from '@tallymesh/link'
import { WebSocket } from 'ws'
import { until } from './until.js'

/** A client of the mesh that is no node: it says hello as one, and then what the test wants. */
export class Stranger {
  readonly store: StoreId = storeId(randomBytes(16).toString('hex'))
  readonly ws: WebSocket
  /** Why the node ended the link, where it said so. */
  told: TallymeshError | undefined
  frames = 0
  closed = false
  #opened = false

  constructor(url: string, token?: string) {
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` }
    this.ws = new WebSocket(meshUrl(url), { perMessageDeflate: false, headers })
    this.ws.on('open', () => {
      this.#opened = true
    })
    this.ws.on('message', data => {
      const { kind, body } = decodeFrame(data as Buffer)
      this.frames++
      if (kind === FRAME_REFUSAL) this.told = decodeRefusal(body)
    })
    this.ws.on('error', () => {})
    this.ws.on('close', () => {
      this.closed = true
    })
  }

  /** Connects and says hello. */
  static async hello(url: string, hello: Partial<Hello> = {}): Promise<Stranger> {
    const stranger = new Stranger(url)
    await until('the upgrade', () => stranger.#opened)
    stranger.send(FRAME_HELLO, encodeHello(stranger.#hello(hello)))
    return stranger
  }

  /** Connects, says hello, and waits for the frames that follow it on an open link. */
  static async linked(url: string): Promise<Stranger> {
    const stranger = await Stranger.hello(url)
    await until('the link', () => stranger.frames >= 2)
    return stranger
  }

  send(kind: number, body: Uint8Array): void {
    this.ws.send(encodeFrame(kind, body))
  }

  /** Begins a message of so many bytes, and sends so many of them. By hand: `ws` would first mask all of it, and be silent for so long that
   *  the node takes the link for dead. */
  begin(bytes: number, sent: number): void {
    const header = Buffer.from([0x82, 0xff, ...new Array<number>(8).fill(0), 0, 0, 0, 0])
    header.writeBigUInt64BE(BigInt(bytes), 2)
    const { _socket: socket } = this.ws as unknown as { readonly _socket: Socket }
    socket.write(header)
    socket.write(Buffer.alloc(sent))
  }

  /** Reads nothing more; what the node sends stays in its queue once the kernel's buffers are full. */
  stopReading(): void {
    this.ws.pause()
  }

  async ended(): Promise<void> {
    await until('the node to end the link', () => this.closed)
  }

  close(): void {
    this.ws.terminate()
  }

  #hello(changes: Partial<Hello>): Hello {
    const instance = randomBytes(16).toString('hex')
    const who = { room: 'shop', name: 'stranger', store: this.store, instance }
    return { version: PROTOCOL_VERSION, ...who, replica: 0, urls: [], ...changes }
  }
}
