import { type Labels, parseCounterKey } from '@tallymesh/crdt'

/** A counter as the scrape reads it. */
export interface CounterFigures {
  readonly key: string
  readonly increments: bigint
  readonly decrements: bigint
}

/** Counters after which other work gets its turn: a scrape must not stall the node. */
const SLICE = 250

const FAMILIES = [
  [
    'tallymesh_counter_increments_total',
    'counter',
    'All increments of a counter of the room, as this node knows them.',
  ],
  [
    'tallymesh_counter_decrements_total',
    'counter',
    'All decrements of a counter of the room, as this node knows them.',
  ],
  ['tallymesh_counter_value', 'gauge', 'Increments minus decrements of a counter of the room.'],
] as const

/** The room's counters in Prometheus' text format, by hand: prom-client wants to know a metric's labels beforehand, and renders all
 *  series in one turn of the program. Labels are made once for each key. */
export class RoomCounters {
  readonly #labels = new Map<string, string>()

  constructor(readonly countersMax: number) {}

  /** Three series for each counter, and how many counters were left out.
   *  @param counters in key order
   *  @param size how many counters there are that could be shown */
  async text(counters: Iterable<CounterFigures>, size: () => number): Promise<string> {
    const lines: [string[], string[], string[]] = [[], [], []]
    let shown = 0
    for (const { key, increments, decrements } of counters) {
      if (shown === this.countersMax) break
      const labels = this.#labelsOf(key)
      lines[0].push(`${FAMILIES[0][0]}${labels} ${increments}`)
      lines[1].push(`${FAMILIES[1][0]}${labels} ${decrements}`)
      lines[2].push(`${FAMILIES[2][0]}${labels} ${increments - decrements}`)
      if (++shown % SLICE === 0) await new Promise(resolve => setImmediate(resolve))
    }
    const families = FAMILIES.map(([name, type, help], at) => family(name, type, help, lines[at] as string[]))
    const name = 'tallymesh_metrics_counters_left_out'
    const help = 'Counters that are not shown here, because there are more than metricsCountersMax.'
    const leftOut = Math.max(0, size() - shown)
    return [...families, family(name, 'gauge', help, [`${name} ${leftOut}`])].join('\n')
  }

  #labelsOf(key: string): string {
    let labels = this.#labels.get(key)
    if (labels !== undefined) return labels
    // Prefixes differ from scrape to scrape; the keys of one are kept, and those of a few more.
    if (this.#labels.size >= this.countersMax * 2) this.#labels.clear()
    labels = seriesLabels(key)
    this.#labels.set(key, labels)
    return labels
  }
}

function family(name: string, type: string, help: string, lines: readonly string[]): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.length === 0 ? '' : `${lines.join('\n')}\n`}`
}

/** The labels of a counter's series: its name as `counter`, and its own labels. */
export function seriesLabels(key: string): string {
  const { name, labels } = parseCounterKey(key)
  const pairs = [['counter', name], ...renamed(labels)] as ReadonlyArray<readonly [string, string]>
  return `{${pairs.map(([label, value]) => `${label}="${escaped(value)}"`).join(',')}}`
}

/** Labels that Prometheus or this server keeps for itself get the prefix `label_`, as often as it takes to be the only one. */
function renamed(labels: Labels): Array<[string, string]> {
  const taken = new Set(['counter', 'le', 'quantile'])
  const pairs: Array<[string, string]> = []
  const own = Object.keys(labels)
  const plain = new Set(own.filter(label => !taken.has(label) && !label.startsWith('__')))
  for (const label of own) {
    let series = label
    if (!plain.has(label))
      do series = `label_${series}`
      while (taken.has(series) || plain.has(series))
    taken.add(series)
    pairs.push([series, labels[label] as string])
  }
  return pairs
}

function escaped(value: string): string {
  return value.replace(/["\\\n]/g, found => (found === '\n' ? '\\n' : `\\${found}`))
}
