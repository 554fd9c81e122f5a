import type { SkippedFault } from './fault-plan.js'
import type { FaultReport } from './faults.js'
import type { Ledger, OpenOperation } from './ledger.js'
import { percentile, seconds, tableLines } from './table.js'
import type { Traffic } from './traffic.js'
import type { Verdict, VerdictRow } from './verdict.js'

/** With more nodes than this, their columns are folded into one. */
const COLUMNS_MAX = 5

/** The books, counter by counter, and what they amount to. */
export function verdictLines(verdict: Verdict, names: readonly string[]): string[] {
  const folded = names.length > COLUMNS_MAX
  const head = ['counter', 'acknowledged', 'open', ...(folded ? ['each node'] : names), 'lost', 'doubled']
  const rows = verdict.rows.map(row => [
    row.key,
    ...[row.acknowledged, row.open].map(String),
    ...(folded ? [range(row)] : row.counted.map(String)),
    ...[row.lost, row.doubled].map(String),
  ])
  return [...tableLines(head, rows), '', ...verdict.open.map(openLine), sentence(verdict)]
}

function range({ counted }: VerdictRow): string {
  const [least, most] = [Math.min(...counted), Math.max(...counted)]
  return least === most ? String(most) : `${least} to ${most}`
}

function openLine({ id, why, keys }: OpenOperation): string {
  return `operation ${id} could not be settled (${why}): counted once or not at all on ${keys.join(', ')}`
}

function sentence({ lost, doubled, agree, acknowledged, open, drainErrors, passed, exact }: Verdict): string {
  const nodes = agree ? 'all nodes agree' : 'the nodes DISAGREE'
  if (acknowledged === 0) return `FAILED  nothing was acknowledged, so nothing is proven; ${nodes}`
  const bound = exact ? 'exact: ' : passed ? `within bounds, as ${open.length} could not be settled: ` : ''
  const errors = drainErrors > 0 ? `; customers saw ${drainErrors} errors while a node drained` : ''
  const found = `${acknowledged} operations acknowledged, lost ${lost}, doubled ${doubled}, ${nodes}${errors}`
  return `${passed ? 'PASSED' : 'FAILED'}  ${bound}${found}`
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
    rows.length > 0 ? tableLines(['fault', 'node', 'at', 'noticed', 'ready', 'right again', 'broken off'], rows) : []
  const noted = lines.map((line, i) => `${line}  ${reports[i - 1]?.note ?? ''}`.trimEnd())
  return [...noted, ...skipped.map(({ fault, why }) => `${fault} was skipped: ${why}`)]
}

/** What customers saw, and what it took. */
export function trafficLines(traffic: Traffic, ledger: Ledger, flowedMs: number): string[] {
  const sorted = [...traffic.latenciesMs].sort((a, b) => a - b)
  const perSecond = Math.round((sorted.length * 1_000) / flowedMs)
  const [half, most] = [percentile(sorted, 0.5), percentile(sorted, 0.99)].map(ms => ms.toFixed(1))
  const failures = [...traffic.failures].map(([why, count]) => `${count} × ${why}`).join(', ')
  const { all, broken, refused, redispatched } = traffic.attempts
  const { acknowledged, open } = ledger
  return [
    `${sorted.length} requests counted, ${perSecond} a second; p50 ${half} ms, p99 ${most} ms`,
    `${all} attempts: ${broken} broke off, ${refused} were refused; ${redispatched} the balancer gave to another node`,
    `calls that failed, and were made again with the same id: ${failures || 'none'}`,
    `operations: ${acknowledged} acknowledged, ${ledger.refused} refused for good, ${open.length} open`,
  ]
}
