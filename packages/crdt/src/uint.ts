import * as decoding from 'lib0/decoding'

/** Reads an integer from 0 to 2^53 − 1. lib0's own reader answers more than that for a large last byte, and NaN after a long
 *  run of continuation bytes: a number that no comparison refuses.
 *  @throws RangeError where it is larger, Error where the bytes end early */
export function readUint(decoder: decoding.Decoder): number {
  const value = decoding.readVarUint(decoder)
  if (!Number.isSafeInteger(value)) throw new RangeError('an integer past 2^53 - 1')
  return value
}

/** Writes an integer from 0 to 2^53 − 1 as lib0 does; answers where it ends. */
export function writeUint(to: Uint8Array, at: number, value: number): number {
  let [end, rest] = [at, value]
  for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) to[end++] = 0x80 | (rest % 128)
  for (; rest > 0x7f; rest >>>= 7) to[end++] = 0x80 | (rest & 0x7f)
  to[end++] = rest
  return end
}
