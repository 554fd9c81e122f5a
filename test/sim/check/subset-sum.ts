/** Sums up to this are all listed, a bit each. */
const BITS_MAX = 65_536n
const HALF_MAX = 12

/** Whether some of `amounts`, all above 0, add up to `wanted`; undefined where there are too many to tell. */
export function isSubsetSum(wanted: bigint, amounts: readonly number[]): boolean | undefined {
  const all = amounts.reduce((sum, amount) => sum + BigInt(amount), 0n)
  if (wanted === 0n || wanted === all) return true
  if (wanted < 0n || wanted > all) return false
  if (all <= BITS_MAX) return ((listSums(amounts) >> wanted) & 1n) === 1n
  if (amounts.length > 2 * HALF_MAX) return undefined
  const middle = amounts.length >> 1
  const left = new Set(sumsOf(amounts.slice(0, middle)))
  return sumsOf(amounts.slice(middle)).some(sum => left.has(wanted - sum))
}

/** A bit for each sum. */
function listSums(amounts: readonly number[]): bigint {
  let sums = 1n
  for (const amount of amounts) sums |= sums << BigInt(amount)
  return sums
}

function sumsOf(amounts: readonly number[]): bigint[] {
  let sums = [0n]
  for (const amount of amounts) sums = [...sums, ...sums.map(sum => sum + BigInt(amount))]
  return sums
}
