const DISTANCE_MAX = 3

/** The known name that `text` most likely meant; undefined where none is near. */
export function nearest(text: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = DISTANCE_MAX + 1
  for (const name of known) {
    const distance = editDistance(text.toLowerCase(), name.toLowerCase())
    // Of a short word, three changes leave nothing in common.
    if (distance < bestDistance && distance < Math.max(text.length, name.length) * 0.6) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** `; did you mean …?`, or nothing. */
export function didYouMean(text: string, known: Iterable<string>): string {
  const name = nearest(text, known)
  return name === undefined ? '' : `; did you mean ${name}?`
}

/** Insertions, deletions, replacements and swaps of neighbours from one text to the other (optimal string alignment). */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1] ? 0 : 1
      let cost = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + same)
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (row > 1 && column > 1 && swapped) cost = Math.min(cost, at(beforeLast, column - 2) + 1)
      current.push(cost)
    }
    beforeLast = last
    last = current
  }
  return at(last, to.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY
}
