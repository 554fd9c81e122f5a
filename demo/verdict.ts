import type { CounterValues } from './census.js'
import type { Ledger, OpenOperation, Sums } from './ledger.js'

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
  /** Distinct operations. Where there are none the run proves nothing, and fails. */
  readonly acknowledged: number
  /** Those that could not be settled. */
  readonly open: readonly OpenOperation[]
  /** Errors that customers saw while a node drained. */
  readonly drainErrors: number
  readonly passed: boolean
  /** It passed, and every counter equals the number of operations acknowledged. Without it a run that passed is only within the
   *  bounds that open operations leave. */
  readonly exact: boolean
}

/** Compares the books with the nodes. A counter that only one side knows is 0 on the other.
 *  @param counts what each node counts; undefined for a node that did not answer
 *  @param drainErrors errors that customers saw while a node drained: there must be none */
export function judge(books: Ledger, counts: ReadonlyArray<CounterValues | undefined>, drainErrors = 0): Verdict {
  const values = counts.map(count => new Map(count ?? []))
  const sums = new Map(books.rows())
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
  const { acknowledged, open } = books
  const passed = lost === 0 && doubled === 0 && agree && acknowledged > 0 && drainErrors === 0
  const exact = passed && open.length === 0
  return { rows, lost, doubled, agree, acknowledged, open, drainErrors, passed, exact }
}

function judgeRow(key: string, sums: Sums | undefined, counted: readonly number[]): VerdictRow {
  const { acknowledged, open } = sums ?? { acknowledged: 0, open: 0 }
  const lost = Math.max(0, acknowledged - Math.min(...counted))
  const doubled = Math.max(0, Math.max(...counted) - acknowledged - open)
  return { key, acknowledged, open, counted, lost, doubled }
}

/** Whether every node counts at least what was acknowledged by then, counter by counter. */
export function holdsAll(floor: ReadonlyArray<readonly [string, Sums]>, count: CounterValues): boolean {
  const values = new Map(count)
  return floor.every(([key, { acknowledged }]) => (values.get(key) ?? 0) >= acknowledged)
}
