import type { SkippedFault } from './fault-plan.js'
import type { FaultReport } from './faults.js'
import type { Ledger } from './ledger.js'
import { percentile, seconds, tableLines } from './table.js'
import type { Traffic } from './traffic.js'
import type { Verdict, VerdictRow } from './verdict.js'

/** With more nodes than this, their columns are folded into one. */
const COLUMNS_MAX = 5

/** The books, counter by counter, and what they amount to. */
export function verdictLines(verdict: Verdict, names: readonly string[]): string[] {
  const folded = names.length > COLUMNS_MAX
  const head = ['counter', 'acknowledged', 'indeterminate', ...(folded ? ['each node'] : names), 'lost', 'doubled']
  const rows = verdict.rows.map(row => [
    row.key,
    ...[row.acknowledged, row.indeterminate].map(String),
    ...(folded ? [range(row)] : row.counted.map(String)),
    ...[row.lost, row.doubled].map(String),
  ])
  return [...tableLines(head, rows), '', sentence(verdict)]
}

function range({ counted }: VerdictRow): string {
  const [least, most] = [Math.min(...counted), Math.max(...counted)]
  return least === most ? String(most) : `${least} to ${most}`
}

function sentence({ lost, doubled, agree, proven, drainErrors, passed }: Verdict): string {
  const nodes = agree ? 'all nodes agree' : 'the nodes DISAGREE'
  if (!proven) return `FAILED: nothing was acknowledged, so nothing is proven; ${nodes}`
  const errors = drainErrors > 0 ? `; customers saw ${drainErrors} errors while a node drained` : ''
  return `${passed ? 'PASSED' : 'FAILED'}: lost ${lost}, doubled ${doubled}, ${nodes}${errors}`
}

export function faultLines(reports: readonly FaultReport[], skipped: readonly SkippedFault[]): string[] {
  if (reports.length + skipped.length === 0) return ['no faults were asked for']
  const rows = reports.map(({ fault, node, atMs, noticedMs, readyMs, rightMs, errors }) => [
    fault,
    node,
    seconds(atMs),
    seconds(noticedMs),
    seconds(readyMs),
    seconds(rightMs),
    String(errors),
  ])
  const lines =
    rows.length > 0 ? tableLines(['fault', 'node', 'at', 'noticed', 'ready', 'right again', 'errors'], rows) : []
  const noted = lines.map((line, i) => `${line}  ${reports[i - 1]?.note ?? ''}`.trimEnd())
  return [...noted, ...skipped.map(({ fault, why }) => `${fault} was skipped: ${why}`)]
}

/** What customers saw. */
export function trafficLines(traffic: Traffic, ledger: Ledger, flowedMs: number): string[] {
  const sorted = [...traffic.latenciesMs].sort((a, b) => a - b)
  const perSecond = Math.round((sorted.length * 1_000) / flowedMs)
  const [half, most] = [percentile(sorted, 0.5), percentile(sorted, 0.99)].map(ms => ms.toFixed(1))
  const failures = [...traffic.failures].map(([why, count]) => `${count} × ${why}`).join(', ')
  const { indeterminateRequests, oneDiskRequests, exceptedRequests } = ledger
  return [
    `${sorted.length} requests counted, ${perSecond} a second; p50 ${half} ms, p99 ${most} ms`,
    `customers saw ${failures || 'no errors'}; indeterminate: ${indeterminateRequests}`,
    `on one disk only when acknowledged, and marked so: ${oneDiskRequests}; of these lost with that disk, and excepted: ${exceptedRequests}`,
  ]
}
