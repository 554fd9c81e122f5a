/** The middle of the samples; between two of them, their mean. */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2
}

/** The smallest sample that at least the share `q` of them do not pass. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? Number.NaN
}

/** The ratio to the peer: the median over rounds where both ran in the same ones, so that what slowed a round down slowed
 *  both. */
export function ratio(samples: readonly number[], peer: readonly number[]): number {
  if (samples.length !== peer.length) return median(samples) / median(peer)
  return median(samples.map((sample, round) => sample / (peer[round] as number)))
}
