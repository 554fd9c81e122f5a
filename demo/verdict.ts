import type { CounterValues } from './census.js'
import type { Sums } from './ledger.js'

/** One counter: what the traffic was told of it, and what the nodes count. */
export interface VerdictRow extends Sums {
  readonly key: string
  /** By node, in the order of the nodes. */
  readonly counted: readonly number[]
  /** Acknowledged and missing, on the node that counts least. */
  readonly lost: number
  /** Counted beyond everything that may have been, on the node that counts most. */
  readonly doubled: number
}

export interface Verdict {
  readonly rows: readonly VerdictRow[]
  readonly lost: number
  readonly doubled: number
  /** All nodes were asked, and count the same. */
  readonly agree: boolean
  /** Something was acknowledged: an empty run proves nothing. */
  readonly proven: boolean
  /** Errors that customers saw while a node drained. */
  readonly drainErrors: number
  readonly passed: boolean
}

/** Compares the books with the nodes. A counter that only one side knows is 0 on the other.
 *  @param counts what each node counts; undefined for a node that did not answer
 *  @param drainErrors errors that customers saw while a node drained: there must be none */
export function judge(
  books: ReadonlyArray<readonly [string, Sums]>,
  counts: ReadonlyArray<CounterValues | undefined>,
  drainErrors = 0,
): Verdict {
  const values = counts.map(count => new Map(count ?? []))
  const sums = new Map(books)
  const keys = new Set([...sums.keys(), ...values.flatMap(value => [...value.keys()])])
  const rows = [...keys].sort().map(key =>
    judgeRow(
      key,
      sums.get(key),
      values.map(value => value.get(key) ?? 0),
    ),
  )
  const lost = rows.reduce((total, row) => total + row.lost, 0)
  const doubled = rows.reduce((total, row) => total + row.doubled, 0)
  const agree = !counts.includes(undefined) && rows.every(({ counted }) => counted.every(value => value === counted[0]))
  const proven = rows.some(({ acknowledged }) => acknowledged > 0)
  const passed = lost === 0 && doubled === 0 && agree && proven && drainErrors === 0
  return { rows, lost, doubled, agree, proven, drainErrors, passed }
}

function judgeRow(key: string, sums: Sums | undefined, counted: readonly number[]): VerdictRow {
  const { acknowledged, indeterminate } = sums ?? { acknowledged: 0, indeterminate: 0 }
  const lost = Math.max(0, acknowledged - Math.min(...counted))
  const doubled = Math.max(0, Math.max(...counted) - acknowledged - indeterminate)
  return { key, acknowledged, indeterminate, counted, lost, doubled }
}

/** Whether every node counts at least what was acknowledged by then, counter by counter. */
export function holdsAll(floor: ReadonlyArray<readonly [string, Sums]>, count: CounterValues): boolean {
  const values = new Map(count)
  return floor.every(([key, { acknowledged }]) => (values.get(key) ?? 0) >= acknowledged)
}
