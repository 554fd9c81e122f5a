/** Finds the row of an integer id in O(1): an open-addressed table in one typed array, of those ids that are not the number of their own
 *  row. Whoever holds most keys of a room mostly came with them first, in the order of their ids. 4 to 8 bytes such an id, 12 to 24 others.
 *  Rows are handed out in order of arrival and never freed. */
export class RowIndex {
  #ids = new Int32Array(8)
  #slots = new Int32Array(16).fill(-1)
  /** How many rows stand in the slots: half of these at most. */
  #placed = 0
  size = 0

  /** The row of `id`, or -1. */
  find(id: number): number {
    if (id < this.size && this.#ids[id] === id) return id
    const mask = this.#slots.length - 1
    for (let at = hash(id); ; at++) {
      const row = this.#slots[at & mask] as number
      if (row === -1 || this.#ids[row] === id) return row
    }
  }

  /** Hands out the next row for an id that `find` did not know. */
  add(id: number): number {
    if (this.size === this.#ids.length) this.#lengthen()
    const row = this.size++
    this.#ids[row] = id
    if (row === id) return row
    if (++this.#placed * 2 > this.#slots.length) this.#spread()
    else this.#place(row)
    return row
  }

  /** The ids of the rows that there are now. Rows that come later do not show, and those that are there do not change. */
  ids(): Int32Array {
    return this.#ids.subarray(0, this.size)
  }

  /** The id of a row. */
  id(row: number): number {
    return this.#ids[row] as number
  }

  #place(row: number): void {
    const mask = this.#slots.length - 1
    let at = hash(this.#ids[row] as number)
    while (this.#slots[at & mask] !== -1) at++
    this.#slots[at & mask] = row
  }

  #lengthen(): void {
    const ids = new Int32Array(this.#ids.length * 2)
    ids.set(this.#ids)
    this.#ids = ids
  }

  #spread(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1)
    for (let row = 0; row < this.size; row++) if (this.#ids[row] !== row) this.#place(row)
  }
}

function hash(id: number): number {
  return Math.imul(id, 0x9e3779b1) >>> 7
}

/** A longer array with the same content, when `row` lies past the end of `column`; else `column` itself. */
export function roomFor<Column extends Float64Array | Uint32Array | Int32Array>(column: Column, row: number): Column {
  if (row < column.length) return column
  const longer = new (column.constructor as { new (length: number): Column })(Math.max(8, column.length * 2, row + 1))
  longer.set(column)
  return longer
}
