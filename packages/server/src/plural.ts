/** A number with what it counts: `1 slot`, `2 slots`. For words that only take an s. */
export function plural(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`
}
