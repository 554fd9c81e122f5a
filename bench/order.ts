/** A repeatable stream of pseudo-random integers below 2^32 (xorshift32; Marsaglia, "Xorshift RNGs", 2003): every
 *  contestant meets the counters in the same order. */
export function xorshift(seed: number): () => number {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

/** `length` integers in [0, below), in random order. */
export function randomOrder(length: number, below: number, seed = 41): Uint32Array {
  const next = xorshift(seed)
  return Uint32Array.from({ length }, () => next() % below)
}
