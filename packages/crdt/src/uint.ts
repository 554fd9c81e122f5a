import * as decoding from 'lib0/decoding'

/** Reads an integer from 0 to 2^53 − 1. lib0's own reader answers more than that for a large last byte, and NaN after a long
 *  run of continuation bytes: a number that no comparison refuses.
 *  @throws RangeError where it is larger, Error where the bytes end early */
export function readUint(decoder: decoding.Decoder): number {
  const value = decoding.readVarUint(decoder)
  if (!Number.isSafeInteger(value)) throw new RangeError('an integer past 2^53 - 1')
  return value
}
