import { randomFillSync } from 'node:crypto'

/** Drawn at once: asking for each would cost more than all else that a small commit does in memory. A process that is set back to an earlier
 *  memory repeats some of them, as it would where each is asked for: the generator of OpenSSL stands in that memory, too. */
const words = new Uint32Array(1024)
let next = words.length

/** Uniform in [0, 1) with 53 random bits, from the operating system. */
export function cryptoRandom(): number {
  if (next === words.length) {
    randomFillSync(words)
    next = 0
  }
  const [high, low] = [words[next++] as number, words[next++] as number]
  return (high * 2 ** 21 + (low >>> 11)) / 2 ** 53
}
