import { safeValue, type Table } from '@tallymesh/crdt'
import type { Cell } from '@tallymesh/replica'

/** The room's total of a cell's key, with what is not in a batch yet. O(1).
 *  @throws TallymeshError VALUE_UNSAFE where no number holds it exactly */
export function cellValue(table: Table, cell: Cell): number {
  const value = table.value(cell.id) + (cell.p - cell.batchedP) - (cell.n - cell.batchedN)
  if (Number.isSafeInteger(value)) return value
  const { increments, decrements } = cellTotals(table, cell)
  return safeValue(cell.key, increments - decrements)
}

/** All increments and all decrements of a cell's key, exact, with what is not in a batch yet. */
export function cellTotals(table: Table, cell: Cell): { increments: bigint; decrements: bigint } {
  const { increments, decrements } = table.totals(cell.id)
  return {
    increments: increments + BigInt(cell.p - cell.batchedP),
    decrements: decrements + BigInt(cell.n - cell.batchedN),
  }
}
