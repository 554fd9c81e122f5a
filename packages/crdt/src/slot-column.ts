import { RowIndex, roomFor } from './row-index.js'

const NONE: Float64Array = new Float64Array(0)

/** The slots of one replica: columns rather than an object a key. Of some, a part is folded: it counts elsewhere. */
export class SlotColumn {
  readonly rows = new RowIndex()
  p = new Float64Array(8)
  n = new Float64Array(8)
  /** How much of each row is folded; empty, or shorter than the rows, where nothing is. */
  #foldedP: Float64Array = NONE
  #foldedN: Float64Array = NONE

  /** The row of a key id, or -1. */
  find(id: number): number {
    return this.rows.find(id)
  }

  /** The row of a key id; a new one where it has none. */
  row(id: number): number {
    const found = this.rows.find(id)
    if (found !== -1) return found
    const row = this.rows.add(id)
    this.p = roomFor(this.p, row)
    this.n = roomFor(this.n, row)
    return row
  }

  /** What counts of the increments of a row. */
  countedP(row: number): number {
    return Math.max(0, (this.p[row] as number) - (this.#foldedP[row] ?? 0))
  }

  countedN(row: number): number {
    return Math.max(0, (this.n[row] as number) - (this.#foldedN[row] ?? 0))
  }

  /** At least so much of the row is folded. */
  fold(row: number, p: number, n: number): void {
    if (this.#foldedP.length <= row) {
      this.#foldedP = longer(this.#foldedP, this.p.length)
      this.#foldedN = longer(this.#foldedN, this.p.length)
    }
    this.#foldedP[row] = Math.max(p, this.#foldedP[row] as number)
    this.#foldedN[row] = Math.max(n, this.#foldedN[row] as number)
  }

  /** What counts of all rows, as columns of their own. */
  counted(): { readonly p: Float64Array; readonly n: Float64Array } {
    const { size } = this.rows
    const [p, n] = [this.p.slice(0, size), this.n.slice(0, size)]
    for (let row = 0; row < Math.min(size, this.#foldedP.length); row++) {
      p[row] = this.countedP(row)
      n[row] = this.countedN(row)
    }
    return { p, n }
  }
}

function longer(column: Float64Array, length: number): Float64Array {
  const copy = new Float64Array(length)
  copy.set(column)
  return copy
}
