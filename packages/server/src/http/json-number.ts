/** An amount as the API writes it: a number, or where a number would not be exact, its digits as a string. */
export function jsonNumber(amount: number | bigint): string {
  if (typeof amount === 'number') return String(amount)
  const safe = amount <= BigInt(Number.MAX_SAFE_INTEGER) && amount >= -BigInt(Number.MAX_SAFE_INTEGER)
  return safe ? String(amount) : `"${amount}"`
}
