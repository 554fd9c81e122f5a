import { TallymeshError } from '@tallymesh/crdt'
import {
  decodeHello,
  encodeFrame,
  encodeHello,
  FRAME_HELLO,
  type Hello,
  judgeFirstFrame,
  PROTOCOL_VERSION,
} from '@tallymesh/link'
import { mutate } from '../mutate.js'
import type { Prng } from '../prng.js'
import { anyStore, samplesOf } from '../sample-entries.js'
import { anyHello, withBadId } from '../sample-hellos.js'
import { decoded, must, type OpenTarget, type Outcome, type Target } from '../target.js'

/** `decodeHello` and `judgeFirstFrame`: what a stranger says first. */
export const hello: Target = {
  name: 'hello',
  share: 1_000,
  codes: ['WRONG_PROTOCOL', 'WRONG_VERSION', 'FRAME_DAMAGED', 'WRONG_ROOM'],
  open: seed => new HelloTarget(seed),
}

const OWN = { version: PROTOCOL_VERSION, room: 'shop', name: 'a', replica: 0, urls: [] } as const

class HelloTarget implements OpenTarget {
  readonly #samples: readonly Uint8Array[]
  readonly #own: Hello

  constructor(seed: number) {
    this.#samples = samplesOf(anyHello, 150, seed).map(encodeHello)
    const [store, instance] = samplesOf(anyStore, 2, seed) as [Hello['store'], Hello['store']]
    this.#own = { ...OWN, store, instance }
  }

  sample(prng: Prng): Uint8Array {
    return prng.pick(this.#samples)
  }

  mutate(bytes: Uint8Array, prng: Prng): Uint8Array {
    return prng.chance(0.1) ? withBadId(bytes, prng) : mutate(bytes, prng, () => this.sample(prng))
  }

  feed(bytes: Uint8Array): Outcome {
    const verdict =
      bytes.length <= 1_048_576
        ? judgeFirstFrame(encodeFrame(FRAME_HELLO, bytes), this.#own, () => undefined)
        : undefined
    const result = decoded(() => decodeHello(bytes))
    if ('code' in result) {
      must(verdict === undefined || verdict.type === 'refused', `a hello is refused and ${verdict?.type}`)
      return result.code
    }
    checkHello(result.made)
    if (verdict?.type !== 'refused') return 'accepted'
    must(verdict.reason instanceof TallymeshError, 'a refusal has no code')
    return verdict.reason.code
  }
}

/** Every field is in its range, and is written as it was read. @throws Fault */
export function checkHello(made: Hello): void {
  const { room, name, store, instance, replica, urls } = made
  must(Number.isSafeInteger(replica) && replica >= 0, `a hello has the replica id ${replica}`)
  for (const id of [store, instance]) must(/^[0-9a-f]{32}$/.test(id), `a hello has the id ${id}`)
  for (const text of [room, name])
    must(Buffer.byteLength(text) <= 256, `a hello has a name of ${text.length} characters`)
  must(urls.length <= 8, `a hello has ${urls.length} URLs`)
  for (const url of urls) must(Buffer.byteLength(url) <= 1_024, `a hello has a URL of ${url.length} characters`)
  const again = decodeHello(encodeHello(made))
  must(JSON.stringify(again) === JSON.stringify(made), 'a hello is written as another one')
}
