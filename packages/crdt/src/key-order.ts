import type { CounterKey } from './counter-key.js'

/** Two orders without a key in both, as one. */
export function merged(a: readonly CounterKey[], b: readonly CounterKey[]): readonly CounterKey[] {
  if (a.length === 0) return b
  const both = new Array<CounterKey>(a.length + b.length)
  let atA = 0
  let atB = 0
  for (let at = 0; at < both.length; at++) {
    const fromA = atB === b.length || (atA < a.length && (a[atA] as CounterKey) < (b[atB] as CounterKey))
    both[at] = (fromA ? a[atA++] : b[atB++]) as CounterKey
  }
  return both
}

/** Before the first text that is `text` or behind it. */
export function lowerBound(sorted: readonly string[], text: string): number {
  return firstWhere(sorted, key => key >= text)
}

/** Behind the last key that starts with `prefix`. */
export function upperBound(sorted: readonly string[], prefix: string): number {
  return firstWhere(sorted, key => key > prefix && !key.startsWith(prefix))
}

/** The first place from which on `holds`, which holds for a tail of the keys. */
function firstWhere(sorted: readonly string[], holds: (key: string) => boolean): number {
  let from = 0
  let to = sorted.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (holds(sorted[middle] as string)) to = middle
    else from = middle + 1
  }
  return from
}
