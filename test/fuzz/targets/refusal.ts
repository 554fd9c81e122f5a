import { ERROR_CODES, type ErrorCode, TallymeshError } from '@tallymesh/crdt'
import { decodeRefusal, encodeRefusal } from '@tallymesh/link'
import fc from 'fast-check'
import { codePoint } from '../code-point.js'
import type { Prng } from '../prng.js'
import { samplesOf } from '../sample-entries.js'
import { decoded, must, type OpenTarget, type Outcome, type Target } from '../target.js'

/** `decodeRefusal`: why a peer ends a link, as it comes into logs. */
export const refusal: Target = {
  name: 'refusal',
  share: 600,
  codes: ['FRAME_DAMAGED'],
  open: seed => new RefusalTarget(seed),
}

const anyRefusal = fc
  .tuple(fc.constantFrom(...(Object.keys(ERROR_CODES) as ErrorCode[])), fc.string({ unit: codePoint, maxLength: 400 }))
  .map(([code, text]) => encodeRefusal(new TallymeshError(code, text)))

class RefusalTarget implements OpenTarget {
  readonly #samples: readonly Uint8Array[]

  constructor(seed: number) {
    this.#samples = samplesOf(anyRefusal, 100, seed)
  }

  sample(prng: Prng): Uint8Array {
    return prng.pick(this.#samples)
  }

  feed(bytes: Uint8Array): Outcome {
    const result = decoded(() => decodeRefusal(bytes))
    if ('code' in result) return result.code
    const { code, message } = result.made
    must(Object.hasOwn(ERROR_CODES, code), `a refusal has the code ${code}`)
    must(!/\p{Cc}/u.test(message), 'a refusal brings control characters into logs')
    must(Buffer.byteLength(message) <= 1_024, `a refusal has a sentence of ${message.length} characters`)
    return 'accepted'
  }
}
