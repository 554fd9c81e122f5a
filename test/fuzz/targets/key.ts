import { canonicalKey, counterKey, parseCounterKey } from '@tallymesh/crdt'
import type { Prng } from '../prng.js'
import { anyKey, samplesOf } from '../sample-entries.js'
import { bytesOf, textOf } from '../sample-texts.js'
import { decoded, must, type OpenTarget, type Outcome, type Target } from '../target.js'

/** `parseCounterKey` and `canonicalKey`: keys as requests, batches and imports name them. */
export const key: Target = {
  name: 'key',
  share: 1_000,
  codes: ['INVALID_NAME'],
  open: seed => new KeyTarget(seed),
}

class KeyTarget implements OpenTarget {
  readonly #samples: readonly string[]

  constructor(seed: number) {
    const labelled = 'orders{region="eu",shop="a\\"b",tier="\\\\"}'
    this.#samples = [...samplesOf(anyKey, 150, seed), labelled, labelled.repeat(40), '\\{'.repeat(5_000)]
  }

  sample(prng: Prng): Uint8Array {
    return bytesOf(prng.pick(this.#samples), prng)
  }

  feed(bytes: Uint8Array): Outcome {
    const text = textOf(bytes)
    const result = decoded(() => canonicalKey(text))
    if ('code' in result) return result.code
    const canonical = result.made
    must(canonicalKey(canonical) === canonical, `the canonical key ${JSON.stringify(canonical)} is not canonical`)
    const { name, labels } = parseCounterKey(text)
    must(counterKey(name, labels) === canonical, 'a key and its parts are two counters')
    const reversed = Object.fromEntries(Object.entries(labels).reverse())
    must(counterKey(name, reversed) === canonical, 'the order of labels makes another counter')
    must(Object.getPrototypeOf(labels) === Object.prototype, 'labels changed their prototype')
    must(Buffer.byteLength(name) <= 256 && Object.keys(labels).length <= 16, 'a key is over its limits')
    must(!/[\p{Cc}\p{Cs}]/u.test(canonical), 'a key holds what cannot be shown')
    return 'accepted'
  }
}
