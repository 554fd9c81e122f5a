import type { IdentityMap } from './identity-map.js'
import type { OpenOperations } from './open-operations.js'
import type { Operation } from './operation.js'
import type { OperationId } from './operation-id.js'
import type { Table } from './table.js'

/** What operations count in. */
interface Books {
  readonly table: Table
  readonly operations: IdentityMap<OperationId, Operation>
  readonly open: OpenOperations
  readonly nowMs: number
}

/** Counts operations beside the slots, or no longer, by who tells of them: each once, after all that acts together. */
export class Weighing {
  #touched: Operation[] = []

  /** Who tells of it has changed. */
  touch(operation: Operation): void {
    if (operation.touched) return
    operation.touched = true
    this.#touched.push(operation)
  }

  /** @param changed takes the keys (by table id) whose totals changed */
  weigh(books: Books, changed: number[]): void {
    if (this.#touched.length === 0) return
    for (const operation of this.#touched) {
      operation.touched = false
      weigh(operation, books, changed)
    }
    this.#touched = []
  }
}

function weigh(operation: Operation, { table, operations, open, nowMs }: Books, changed: number[]): void {
  const { carriers, settlers } = operation
  const counts = carriers.length > 0 && settlers.length === 0
  if (counts !== operation.counted) {
    operation.counted = counts
    if (counts) open.add(operation, nowMs)
    else open.close()
    const sign = counts ? 1 : -1
    for (const { key, p, n } of operation.counts ?? []) {
      const id = table.idOf(key)
      table.addBeside(id, sign * p, sign * n)
      changed.push(id)
    }
  }
  if (carriers.length > 0) return
  operation.counts = undefined
  if (settlers.length === 0) operations.delete(operation.id)
}
