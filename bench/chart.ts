import { type Bound, type Figure, type Findings, formatNumber } from './report.js'
import { median, ratio } from './sample.js'

type Table = Findings['tables'][number]

const WIDTH = 860
const MARGIN = 16
/** Room for the value behind the longest bar. */
const VALUE_WIDTH = 110
const HEAD_HEIGHT = 58
const ROW_HEIGHT = 44
const FOOT_HEIGHT = 30
const BAR_HEIGHT = 12

/** Colors of both modes; whoever shows the image says which one it is in. */
const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.small { font-size: 12px; fill: #59636e }
.own { fill: #0969da } .peer { fill: #8c959f }
.whisker { stroke: #1f2328; stroke-width: 1.5 } .target { stroke: #cf222e; stroke-width: 2; stroke-dasharray: 3 2 }
.axis { stroke: #d1d9e0 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .small { fill: #9198a1 }
  .own { fill: #4493f8 } .peer { fill: #6e7681 }
  .whisker { stroke: #f0f6fc } .target { stroke: #f85149 }
  .axis { stroke: #3d444d }
}`

/** A table as an SVG image: a bar to each median, a whisker from the smallest round to the largest, and a dashed line where a bound
 *  lies. What is compared with a peer is colored, what stands beside it is gray. */
export function chart({ title, figures }: Table, bounds: readonly Bound[], footer: string): string {
  const limits = figures.map(figure => limitOf(figure, bounds))
  const most = Math.max(...figures.flatMap(({ samples }) => samples), ...limits.filter(limit => limit !== undefined))
  const x = (value: number) => round(MARGIN + (value / (most || 1)) * (WIDTH - 2 * MARGIN - VALUE_WIDTH))
  const height = HEAD_HEIGHT + figures.length * ROW_HEIGHT + FOOT_HEIGHT
  const rows = figures.flatMap((figure, i) => row(figure, figures, limits[i], HEAD_HEIGHT + i * ROW_HEIGHT, x))
  const bottom = HEAD_HEIGHT + figures.length * ROW_HEIGHT
  const legend = `${unitOf(figures)}: median, smallest and largest round${limits.some(limit => limit !== undefined) ? '; dashed: target' : ''}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    text(MARGIN, 22, title, 'title'),
    text(MARGIN, 42, legend, 'small'),
    `<line class="axis" x1="${MARGIN}" y1="${HEAD_HEIGHT - 4}" x2="${MARGIN}" y2="${bottom}"/>`,
    ...rows,
    text(MARGIN, bottom + 20, footer, 'small'),
    '</svg>',
    '',
  ].join('\n')
}

function row(
  figure: Figure,
  figures: readonly Figure[],
  limit: number | undefined,
  top: number,
  x: (v: number) => number,
) {
  const { what, unit, samples } = figure
  const [low, high, middle] = [Math.min(...samples), Math.max(...samples), median(samples)]
  const peer = figures.find(other => other.what === figure.peer)
  const times = peer && ratio(samples, peer.samples)
  const beside =
    peer && times !== undefined ? `${times < 100 ? times.toPrecision(2) : Math.round(times)} × ${peer.what}` : ''
  const [barTop, center] = [top + 20, top + 20 + BAR_HEIGHT / 2]
  const lines = [
    `<text x="${MARGIN + 6}" y="${top + 14}">${escaped(what)}<tspan class="small" dx="6">${escaped(beside)}</tspan></text>`,
    `<rect class="${figure.peer === undefined ? 'peer' : 'own'}" x="${MARGIN}" y="${barTop}" width="${round(x(middle) - MARGIN)}" height="${BAR_HEIGHT}"/>`,
  ]
  if (samples.length > 1) {
    lines.push(`<line class="whisker" x1="${x(low)}" y1="${center}" x2="${x(high)}" y2="${center}"/>`)
    for (const end of [low, high]) {
      lines.push(`<line class="whisker" x1="${x(end)}" y1="${center - 4}" x2="${x(end)}" y2="${center + 4}"/>`)
    }
  }
  if (limit !== undefined) {
    lines.push(
      `<line class="target" x1="${x(limit)}" y1="${barTop - 3}" x2="${x(limit)}" y2="${barTop + BAR_HEIGHT + 3}"/>`,
    )
  }
  const behind = x(high) + 8
  const covered = limit !== undefined && x(limit) > behind - 12 && x(limit) < behind + VALUE_WIDTH
  return [...lines, text(covered ? x(limit) + 8 : behind, center + 4, formatNumber(middle, unit))]
}

/** The bound that holds for a figure of a table; it may have another name there. */
function limitOf(figure: Figure, bounds: readonly Bound[]): number | undefined {
  const same = ({ figure: its }: Bound) => its.unit === figure.unit && `${its.samples}` === `${figure.samples}`
  const bound = bounds.find(same)
  return bound?.min ?? bound?.max
}

function unitOf(figures: readonly Figure[]): string {
  const names = {
    '/s': 'per second',
    ms: 'milliseconds',
    bytes: 'bytes',
    structs: 'structs',
    '% of a core': '% of a core',
  }
  const unit = figures[0]?.unit ?? 'ms'
  return unit in names ? names[unit as keyof typeof names] : unit
}

function text(x: number, y: number, content: string, style?: string): string {
  return `<text x="${x}" y="${y}"${style === undefined ? '' : ` class="${style}"`}>${escaped(content)}</text>`
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10
}
