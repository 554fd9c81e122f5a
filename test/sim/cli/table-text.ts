/** Columns of text, the first to the left, the others to the right where `left` does not name them. */
export function tableText(
  head: readonly string[],
  rows: ReadonlyArray<readonly string[]>,
  left: readonly number[] = [0],
): string {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map(row => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    widths
      .map((width, column) =>
        left.includes(column) ? (row[column] ?? '').padEnd(width) : (row[column] ?? '').padStart(width),
      )
      .join('  ')
      .trimEnd()
  return [head, ...rows].map(line).join('\n')
}

/** A number for people: `1,234,567`. */
export function grouped(number: number): string {
  return Math.round(number).toLocaleString('en-US')
}

/** A number in few characters: `999`, `12.3k`, `4.56M`. */
export function short(number: number): string {
  if (number < 1_000) return String(Math.round(number))
  if (number < 1_000_000) return `${(number / 1_000).toPrecision(3)}k`
  return `${(number / 1_000_000).toPrecision(3)}M`
}
