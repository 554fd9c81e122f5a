import { ERROR_CODES, replicaId } from '@tallymesh/crdt'
import { decodeFrame, decodeRefusal, encodeFrame, FRAME_HELLO, FRAME_REFUSAL, meshUrl } from '@tallymesh/link'
import type { TallymeshNode } from 'tallymesh'
import { Scratch } from '../../cluster/scratch.js'
import { until } from '../../cluster/until.js'
import { mutateFrames, packFrames, unpackFrames } from '../frames.js'
import { HostileFrames } from '../hostile-frames.js'
import { LogSamples } from '../log-samples.js'
import type { Prng } from '../prng.js'
import { RawWebSocket } from '../raw-web-socket.js'
import { type Totals, unraised } from '../slots.js'
import { must, type OpenTarget, type Outcome, type Target } from '../target.js'
import { claimsIn } from './replica.js'

/** Real links to a real node, which is linked with another one: each message is a frame of the input, sealed. */
export const mesh: Target = {
  name: 'mesh',
  share: 700,
  codes: [
    ...(['FRAME_DAMAGED', 'FRAME_TOO_LARGE', 'UPDATE_REFUSED', 'BATCH_DAMAGED', 'BATCH_UNSUPPORTED'] as const),
    ...(['WRONG_PROTOCOL', 'WRONG_VERSION', 'WRONG_ROOM', 'INVALID_NAME', 'MEMBER_REMOVED'] as const),
  ],
  open: async seed => new MeshTarget(await openPair(), seed),
}

/** Two honest nodes that are linked and agree. */
interface Pair {
  readonly scratch: Scratch
  readonly node: TallymeshNode
  readonly honest: TallymeshNode
}

async function openPair(): Promise<Pair> {
  const scratch = new Scratch()
  try {
    const honest = await scratch.open('b', { listen: { port: 0 } })
    const node = await scratch.open('a', { listen: { port: 0 }, peers: [honest.url ?? ''] })
    for (const each of [node, honest]) await each.counter(`of ${each.name}`).increment(5)
    const pair = { scratch, node, honest }
    await agreed(pair)
    return pair
  } catch (error) {
    await scratch.remove()
    throw error
  }
}

/** The honest nodes are linked still, and agree. */
function agreed({ node, honest }: Pair): Promise<void> {
  return until('the honest nodes to be linked and to agree', () => {
    if (honest.stats.links < 1 || node.stats.links < 1) return 'they are not linked'
    const [one, other] = [node, honest].map(valuesOf)
    return one === other || `${one} is not ${other}`
  })
}

/** A kind that no message has: it ends every link. */
const LAST_KIND = 200

class MeshTarget implements OpenTarget {
  readonly #hostile: HostileFrames

  #pair: Pair

  constructor(pair: Pair, seed: number) {
    this.#pair = pair
    const halfKnown = new LogSamples(replicaId(99), seed, 8)
    const context = { halfKnown, hijacked: [], ids: [replicaId(99), replicaId(4_711)] }
    this.#hostile = new HostileFrames(context, seed, false)
  }

  sample(prng: Prng): Uint8Array {
    return packFrames(this.#hostile.sample(prng, prng.chance(0.95)))
  }

  mutate(bytes: Uint8Array, prng: Prng): Uint8Array {
    return mutateFrames(bytes, prng, () => this.#hostile.frame(prng))
  }

  async feed(bytes: Uint8Array): Promise<Outcome> {
    const frames = unpackFrames(bytes)
    const { node } = this.#pair
    const before = await this.#slots()
    const client = await RawWebSocket.open(meshUrl(node.url ?? ''))
    try {
      for (const { kind, body } of frames) client.send(encodeFrame(kind, body))
      client.send(encodeFrame(LAST_KIND, new Uint8Array()))
      await client.until(() => false)
      must(node.status === 'ready' && node.refusal === undefined, `the node is ${node.status}`)
      const { operations, folding } = node.stats
      if (operations.open > 0 || folding.folded > 0) {
        // What strangers alone carry settles late, and to show all slots a node waits for that; what they say is folded falls.
        await this.#renew()
        return outcomeOf(client.heard)
      }
      // A hello that is not let in says nothing of logs; what follows it is not heard.
      const said = frames[0]?.kind === FRAME_HELLO ? claimsIn(frames) : new Map<string, Totals>()
      const wrong = unraised(before, await this.#slots(), said)
      must(wrong === undefined, `${wrong}`)
      return outcomeOf(client.heard)
    } finally {
      client.close()
    }
  }

  async close(): Promise<void> {
    const { node, scratch } = this.#pair
    try {
      await node.counter('of a').increment(1)
      await agreed(this.#pair)
    } finally {
      await scratch.remove()
    }
  }

  async #renew(): Promise<void> {
    await this.close()
    this.#pair = await openPair()
  }

  async #slots(): Promise<Map<string, Totals>> {
    const slots = await this.#pair.node.exportSlots()
    return new Map(
      [...slots].map(({ key, replica, increments: p, decrements: n }) => [
        `${Number.parseInt(replica, 16)} ${key}`,
        { p, n },
      ]),
    )
  }
}

function outcomeOf(heard: readonly Uint8Array[]): Outcome {
  const last = heard.map(decodeFrame).findLast(({ kind }) => kind === FRAME_REFUSAL)
  if (!last) return 'accepted'
  const { code, message } = decodeRefusal(last.body)
  must(Object.hasOwn(ERROR_CODES, code), `a link ended with the code ${code}`)
  return message.includes(`kind ${LAST_KIND}`) ? 'accepted' : code
}

function valuesOf(node: TallymeshNode): string {
  return JSON.stringify([...node.readers()].map(({ key, value }) => [key, String(value)]))
}
