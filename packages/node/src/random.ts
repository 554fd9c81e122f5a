import { randomFillSync } from 'node:crypto'

const words = new Uint32Array(2)

/** Uniform in [0, 1) with 53 random bits, from the operating system. */
export function cryptoRandom(): number {
  randomFillSync(words)
  return ((words[0] as number) * 2 ** 21 + ((words[1] as number) >>> 11)) / 2 ** 53
}
