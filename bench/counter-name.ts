/** Names of 20 bytes, as many as one likes. */
export function counterName(number: number): string {
  return `counter-${`${number}`.padStart(12, '0')}`
}
