import { join } from './mutate.js'

const TRIES_MAX = 400
const SHRINK_MS_MAX = 10_000

/** Removes parts of a failing input for as long as it fails, larger parts first. Bounded in tries and time.
 *  @param fails whether a candidate still fails */
export async function shrink(
  bytes: Uint8Array,
  fails: (candidate: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  const endMs = performance.now() + SHRINK_MS_MAX
  let smallest = bytes
  let tries = 0
  for (let size = Math.ceil(bytes.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length; ) {
      if (tries++ >= TRIES_MAX || performance.now() > endMs) return smallest
      const candidate = join(smallest.subarray(0, at), smallest.subarray(at + size))
      if (await fails(candidate)) smallest = candidate
      else at += size
    }
  }
  return smallest
}
