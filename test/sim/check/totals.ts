/** Increments and decrements. */
export interface Totals {
  p: bigint
  n: bigint
}

export const NO_TOTALS: Readonly<Totals> = { p: 0n, n: 0n }

/** Adds what a count adds. */
export function count(sums: Map<string, Totals>, key: string, amount: number): void {
  let totals = sums.get(key)
  if (!totals) sums.set(key, (totals = { p: 0n, n: 0n }))
  if (amount > 0) totals.p += BigInt(amount)
  else totals.n -= BigInt(amount)
}

export function show({ p, n }: Readonly<Totals>): string {
  return `+${p} -${n}`
}
