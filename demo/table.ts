const FIGURE = /^(?:[\d.]+(?: s)?|-)$/

/** Lines of a table, two blanks between columns; columns of figures are set to the right, others to the left. */
export function tableLines(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string[] {
  const columns = head.map((title, i) => {
    const cells = rows.map(row => row[i] ?? '')
    return {
      width: Math.max(title.length, ...cells.map(cell => cell.length)),
      figures: cells.every(cell => FIGURE.test(cell)),
    }
  })
  return [head, ...rows].map(row =>
    columns
      .map(({ width, figures }, i) => (figures ? (row[i] ?? '').padStart(width) : (row[i] ?? '').padEnd(width)))
      .join('  ')
      .trimEnd(),
  )
}

export function seconds(ms: number | undefined): string {
  return ms === undefined ? '-' : `${(ms / 1000).toFixed(2)} s`
}

/** The value below which that share of the samples lies. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
