import { KINDS } from './kinds.js'
import { grouped, short, tableText } from './table-text.js'
import type { Counts, Tally } from './tally.js'

export interface Pace {
  readonly elapsedMs: number
  readonly jobs: number
}

const FAILED_SHOWN_MAX = 5

/** The progress of a run in one line.
 *  @param seeds how many are wanted
 *  @param failed the seeds that broke a promise so far */
export function progressText(tally: Tally, seeds: number, elapsedMs: number, failed: readonly number[] = []): string {
  const of = Number.isFinite(seeds) ? `/${seeds}` : ''
  const faults = Object.entries({ ...tally.injected, ...faultsOf(tally.applied) })
    .filter(([, times]) => times > 0)
    .map(([name, times]) => `${name} ${short(times)}`)
  const rate = short((tally.seeds * 1_000) / Math.max(1, elapsedMs))
  const shown = failed.slice(0, FAILED_SHOWN_MAX).join(' ')
  const failures =
    failed.length === 0 ? '' : `, ${failed.length} FAILED (${shown}${failed.length > FAILED_SHOWN_MAX ? ' …' : ''})`
  const done = `${tally.seeds}${of} seeds${failures}, ${rate}/s, ${short(tally.steps)} steps, kinds ${covered(tally)}/${KINDS.length}`
  return faults.length === 0 ? done : `${done}; ${faults.join(', ')}`
}

/** How many kinds of events happened. */
export function covered(tally: Tally): number {
  return KINDS.filter(kind => (tally.applied[kind] ?? 0) > 0).length
}

const WORK: ReadonlySet<string> = new Set([
  'add',
  'group',
  'many',
  'read',
  'operate',
  'transfer',
  'start',
  'heal',
  'disk ok',
  'join',
])
const CONDITIONS: ReadonlySet<string> = new Set(['lose', 'repeat', 'damage', 'reorder', 'delay'])

/** What happened and is a fault by itself. */
function faultsOf(applied: Readonly<Counts>): Counts {
  return Object.fromEntries(Object.entries(applied).filter(([kind]) => !WORK.has(kind) && !CONDITIONS.has(kind)))
}

/** The tables at the end of a run. */
export function summaryText(tally: Tally, { elapsedMs, jobs }: Pace): string {
  const seconds = elapsedMs / 1_000
  const rate = tally.seeds / Math.max(0.001, seconds)
  const hours = tally.virtualMs / 3_600_000
  return [
    kindsText(tally),
    countsText('faults of the network', tally.injected),
    countsText('counted by the checks', tally.figures),
    `${grouped(tally.seeds)} seeds (${grouped(tally.repeated)} of them twice), ${grouped(tally.steps)} steps, ` +
      `${hours.toFixed(1)} hours of virtual time, in ${seconds.toFixed(1)} s: ` +
      `${rate.toFixed(0)} seeds/s, ${(rate / jobs).toFixed(0)} in each of ${jobs} ${jobs === 1 ? 'process' : 'processes'}`,
  ]
    .filter(text => text !== '')
    .join('\n\n')
}

function kindsText({ planned, applied, seedsWith }: Tally): string {
  const columns = [planned, applied, seedsWith]
  const rows = KINDS.map(kind => [kind, ...columns.map(counts => grouped(counts[kind] ?? 0))])
  return tableText(['kind of event', 'planned', 'applied', 'seeds with it'], rows)
}

/** Counts in order of their names. */
function countsText(title: string, counts: Readonly<Counts>): string {
  const names = Object.keys(counts).sort()
  if (names.length === 0) return ''
  return tableText(
    [title, ''],
    names.map(name => [name, grouped(counts[name] ?? 0)]),
  )
}
