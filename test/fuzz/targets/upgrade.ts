import type { TallymeshNode } from 'tallymesh'
import { Scratch } from '../../cluster/scratch.js'
import { mutate } from '../mutate.js'
import type { Prng } from '../prng.js'
import { exchange } from '../raw-exchange.js'
import { must, type OpenTarget, type Outcome, type Target } from '../target.js'

const TOKEN = 'correct-horse'
const ORIGIN = 'https://shop.example'

/** Requests for a WebSocket, byte by byte, to a real node that asks for a token: on the mesh by its header, on the
 *  door also by a subprotocol. */
export const upgrade: Target = {
  name: 'upgrade',
  share: 500,
  codes: ['UNAUTHORIZED', 'REQUEST_INVALID', 'NOT_FOUND', 'WRONG_VERSION', 'FORBIDDEN', 'METHOD_NOT_ALLOWED'],
  open: async () => {
    const scratch = new Scratch()
    try {
      const node = await scratch.open('a', { listen: { port: 0, origins: [ORIGIN] }, token: TOKEN })
      await node.counter('orders').increment(5)
      return new UpgradeTarget(scratch, node)
    } catch (error) {
      await scratch.remove()
      throw error
    }
  },
}

const BEARERS = [TOKEN, 'battery-staple', '', '\u00e9'].map(text => `bearer.${Buffer.from(text).toString('base64url')}`)
const PATHS = [
  '/mesh',
  '/',
  '/yjs/shop',
  '/yjs/%73hop',
  '/yjs/shop?x=1',
  '/yjs',
  '/yjs/',
  '/yjs/warehouse',
  '/yjs/%',
  '/other',
]
const HEADERS: readonly ((prng: Prng) => string)[] = [
  () => `Authorization: Bearer ${TOKEN}\r\n`,
  () => 'Authorization: Bearer battery-staple\r\n',
  prng => `Sec-WebSocket-Protocol: tallymesh, ${prng.pick(BEARERS)}\r\n`,
  prng => `Sec-WebSocket-Protocol: ${prng.pick(BEARERS)}\r\n`,
  () => `Origin: ${ORIGIN}\r\n`,
  () => 'Origin: https://evil.example\r\n',
]
const CODES: Readonly<Record<number, Outcome>> = {
  400: 'REQUEST_INVALID',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  426: 'WRONG_VERSION',
  431: 'REQUEST_INVALID',
}

class UpgradeTarget implements OpenTarget {
  readonly #port: number

  constructor(
    readonly scratch: Scratch,
    readonly node: TallymeshNode,
  ) {
    this.#port = Number(new URL(node.url ?? '').port)
  }

  sample(prng: Prng): Uint8Array {
    const extra = HEADERS.filter(() => prng.chance(0.35)).map(header => header(prng))
    const fixed = 'Host: fuzz\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
    return Buffer.from(`GET ${prng.pick(PATHS)} HTTP/1.1\r\n${fixed}${key}${extra.join('')}\r\n`, 'latin1')
  }

  /** Mostly within one line of the head. */
  mutate(bytes: Uint8Array, prng: Prng): Uint8Array {
    if (prng.chance(0.3)) return mutate(bytes, prng, () => this.sample(prng))
    const lines = Buffer.from(bytes).toString('latin1').split('\r\n')
    const at = prng.int(Math.max(1, lines.length - 2))
    const line = Buffer.from(lines[at] ?? '', 'latin1')
    lines[at] = Buffer.from(mutate(line, prng, () => Buffer.from(prng.pick(BEARERS)))).toString('latin1')
    return Buffer.from(lines.join('\r\n'), 'latin1')
  }

  async feed(bytes: Uint8Array): Promise<Outcome> {
    const { statuses, text } = await exchange(this.#port, bytes, true)
    must(this.node.status === 'ready' && this.node.counter('orders').value === 5, 'the node is not what it was')
    const [status] = statuses
    if (status === undefined) return 'REQUEST_INVALID'
    if (status === 101) {
      must(showsToken(Buffer.from(bytes).toString('latin1')), 'somebody was let in who showed no token')
      return 'accepted'
    }
    const code = CODES[status]
    must(code !== undefined, `an upgrade was answered by: ${text.slice(0, 200)}`)
    return code
  }

  close(): Promise<void> {
    return this.scratch.remove()
  }
}

/** Whether the token stands anywhere in a request in a form that may be read as one. */
function showsToken(request: string): boolean {
  if (request.includes(TOKEN)) return true
  return request.split(/[\s,]+/).some(word => {
    const at = word.indexOf('bearer.')
    return at !== -1 && Buffer.from(word.slice(at + 'bearer.'.length), 'base64url').toString('utf8') === TOKEN
  })
}
