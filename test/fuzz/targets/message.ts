import { decodeMessage, encodeMessage, type Message } from '@tallymesh/replica'
import { join } from '../mutate.js'
import type { Prng } from '../prng.js'
import { recordedFrames } from '../recordings.js'
import { samplesOf } from '../sample-entries.js'
import { anyMessage } from '../sample-messages.js'
import { decoded, must, type OpenTarget, type Outcome, type Target } from '../target.js'

/** `decodeMessage`: a byte for the kind, then the body. */
export const message: Target = {
  name: 'message',
  share: 2_000,
  codes: ['FRAME_DAMAGED'],
  open: seed => new MessageTarget(seed),
}

class MessageTarget implements OpenTarget {
  readonly #samples: readonly Uint8Array[]

  constructor(seed: number) {
    const made = samplesOf(anyMessage, 150, seed).map(encodeMessage)
    const frames = [...made, ...recordedFrames().filter(({ kind }) => kind >= 16)]
    this.#samples = frames.map(({ kind, body }) => join(Uint8Array.of(kind), body))
  }

  sample(prng: Prng): Uint8Array {
    return prng.pick(this.#samples)
  }

  feed(bytes: Uint8Array): Outcome {
    const result = decoded(() => decodeMessage(bytes[0] ?? 0, bytes.subarray(1)))
    if ('code' in result) return result.code
    const made = result.made
    for (const number of numbersOf(made))
      must(Number.isSafeInteger(number) && number >= 0, `a ${made.type} holds ${number}`)
    const { kind, body } = encodeMessage(made)
    must(show(decodeMessage(kind, body)) === show(made), `a ${made.type} is written as another one`)
    return 'accepted'
  }
}

function numbersOf(value: unknown): number[] {
  if (typeof value === 'number') return [value]
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return []
  return Object.values(value).flatMap(numbersOf)
}

function show(made: Message): string {
  return JSON.stringify(made, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  )
}
