import { median, ratio } from './sample.js'

export type Unit = '/s' | 'ms' | 'bytes' | 'structs' | '% of a core' | '×' | '× before'

/** One line of a table. */
export interface Figure {
  readonly what: string
  readonly unit: Unit
  /** A sample for each round. */
  readonly samples: readonly number[]
  /** `what` of the figure in the same table that this one is compared with. */
  readonly peer?: string
}

/** A bound that a figure must keep. */
export interface Bound {
  readonly figure: Figure
  readonly min?: number
  readonly max?: number
}

/** `CLOSE`: the median misses the bound, but not clearly: some round keeps it, or the machine was busy with other work and
 *  the figure is one of speed. */
export type Verdict = 'PASS' | 'CLOSE' | 'FAIL'

const SPEEDS: readonly Unit[] = ['/s', 'ms', '×', '× before']

/** What one benchmark found. Plain data: it crosses processes. */
export interface Findings {
  readonly name: string
  readonly tables: Array<{ readonly title: string; readonly figures: readonly Figure[] }>
  readonly bounds: Bound[]
  readonly notes: string[]
}

export function judge(bound: Bound, busy: boolean): Verdict {
  const { figure, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = bound
  const kept = (sample: number) => sample >= min && sample <= max
  if (kept(median(figure.samples))) return 'PASS'
  return figure.samples.some(kept) || (busy && SPEEDS.includes(figure.unit)) ? 'CLOSE' : 'FAIL'
}

/** A table for the terminal: each figure's median, its spread, and its ratio to its peer. */
export function formatTable({ title, figures }: Findings['tables'][number]): string {
  const rows = figures.map(figure => [
    figure.what,
    formatNumber(median(figure.samples), figure.unit),
    spread(figure),
    against(figure, figures),
  ])
  const header = [title, 'median', 'min – max', 'against its peer']
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map(row => (row[column] as string).length)))
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 1 ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number))).join('   ')
  return [line(header), ...rows.map(line)].map(text => text.trimEnd()).join('\n')
}

export function formatBound(name: string, bound: Bound, busy: boolean): string {
  const { figure, min, max } = bound
  const limit =
    min === undefined ? `at most ${formatNumber(max ?? 0, figure.unit)}` : `at least ${formatNumber(min, figure.unit)}`
  const found = formatNumber(median(figure.samples), figure.unit)
  return `${judge(bound, busy).padEnd(5)} ${name}: ${figure.what}: ${found}, must be ${limit}`
}

function spread({ samples, unit }: Figure): string {
  if (samples.length < 2) return ''
  return `${formatNumber(Math.min(...samples), unit)} – ${formatNumber(Math.max(...samples), unit)}`
}

function against(figure: Figure, figures: readonly Figure[]): string {
  const peer = figures.find(({ what }) => what === figure.peer)
  if (!peer) return ''
  const times = ratio(figure.samples, peer.samples)
  return `${times < 100 ? times.toPrecision(2) : Math.round(times)} × ${peer.what}`
}

/** A figure as multiples of another of the same rounds. */
export function timesOf(what: string, figure: Figure, peer: Figure): Figure {
  return { what, unit: '×', samples: figure.samples.map((sample, round) => sample / (peer.samples[round] as number)) }
}

export function formatNumber(value: number, unit: Unit): string {
  switch (unit) {
    case '/s':
      return `${scaled(value, ['', ' k', ' M', ' G'], 1000)}/s`
    case 'ms':
      return value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toPrecision(3)} ms`
    case 'bytes':
      return `${scaled(value, [' B', ' kB', ' MB', ' GB'], 1000)}`
    case 'structs':
      return `${Math.round(value)} structs`
    case '% of a core':
      return `${value.toFixed(2)} %`
    case '×':
      return `${value.toFixed(2)} ×`
    case '× before':
      return `${value.toFixed(2)} × before`
  }
}

function scaled(value: number, units: readonly string[], step: number): string {
  let scale = 0
  let rest = value
  while (rest >= step && scale + 1 < units.length) {
    rest /= step
    scale++
  }
  const digits = rest >= 100 ? 0 : rest >= 10 ? 1 : 2
  return `${rest.toFixed(digits)}${units[scale]}`
}
