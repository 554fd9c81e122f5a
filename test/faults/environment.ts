/** A number from the environment, where it is given: how often, for longer runs than in the test command, or a seed.
 *  @throws Error unless it is a positive integer */
export function numberFrom(name: string, usual: number): number {
  const given = process.env[name]
  const number = given === undefined || given === '' ? usual : Number(given)
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`${name} must be a positive integer, got ${given}`)
  return number
}

export function isGiven(name: string): boolean {
  return (process.env[name] ?? '') !== ''
}
