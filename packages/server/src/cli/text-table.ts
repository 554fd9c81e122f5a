import { displayWidth } from './display-width.js'
import { printable } from './printer.js'

/** A column of a table. */
export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** A table in plain text: two spaces between columns, none at the end of a line. */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map(row => row.map(printable))
  const widths = columns.map(({ title }, at) =>
    cells.reduce((width, row) => Math.max(width, displayWidth(row[at] ?? '')), title.length),
  )
  const render = (row: readonly string[]) =>
    columns
      .map(({ align }, at) => {
        const cell = row[at] ?? ''
        const gap = ' '.repeat((widths[at] as number) - displayWidth(cell))
        return align === 'right' ? gap + cell : cell + gap
      })
      .join('  ')
      .trimEnd()
  return [render(columns.map(({ title }) => title)), ...cells.map(render)]
}
