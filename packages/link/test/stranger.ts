import type { Socket } from 'node:net'
import type { TallymeshError } from '@tallymesh/crdt'
import { type ClientOptions, WebSocket } from 'ws'
import { decodeFrame, decodeRefusal, encodeFrame, encodeHello, FRAME_HELLO, FRAME_REFUSAL } from '../src/index.js'
import { type SuiteNode, until } from '../src/suite.js'
import { SAMPLE_HELLO } from './samples.js'
import { type Listener, turn } from './ws-node.js'

export const HELLO = encodeFrame(FRAME_HELLO, encodeHello(SAMPLE_HELLO))

/** A WebSocket client that is no tallymesh node, open or refused; it remembers what it is told. */
export class Stranger {
  readonly ws: WebSocket
  #opened = false
  status: number | undefined
  closeCode: number | undefined
  told: TallymeshError | undefined

  constructor(url: string, options: ClientOptions = {}) {
    this.ws = new WebSocket(`${url}mesh`, { perMessageDeflate: false, ...options })
    this.ws.on('error', () => {})
    this.ws.on('open', () => {
      this.#opened = true
    })
    this.ws.on('unexpected-response', (request, response) => {
      this.status = response.statusCode
      request.destroy()
    })
    this.ws.on('message', data => {
      const { kind, body } = decodeFrame(data as Buffer)
      if (kind === FRAME_REFUSAL) this.told = decodeRefusal(body)
    })
    this.ws.on('close', code => {
      this.closeCode = code
    })
  }

  /** Waits until the upgrade is answered. */
  async answered(): Promise<this> {
    await until('an answer', () => this.#opened || this.status !== undefined, turn)
    return this
  }

  async closed(): Promise<void> {
    await until('the close', () => this.closeCode !== undefined, turn)
  }

  /** The TCP socket below, for what `ws` would never do. */
  get socket(): Socket {
    return (this.ws as unknown as { _socket: Socket })._socket
  }
}

/** A stranger that said hello as a node does, and so has a link. */
export async function linked(node: SuiteNode, { url }: Listener): Promise<Stranger> {
  const stranger = await new Stranger(url).answered()
  stranger.ws.send(HELLO)
  await until('the link', () => node.story === 'open', turn)
  return stranger
}
