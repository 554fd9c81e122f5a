import type { CounterPage, CounterTotals } from '@tallymesh/client'
import { openClient, readAccess } from './access.js'
import { command } from './command.js'
import { EXIT } from './exit-code.js'
import { defaulted, toggle } from './flag.js'
import { integer } from './flag-kind.js'
import { jsonText } from './printer.js'
import { JSON_FLAG, SERVER_FLAGS } from './server-flags.js'
import { type Column, textTable } from './text-table.js'

const PAGE_MAX = 1_000
const COLUMNS: readonly Column[] = [
  { title: 'KEY' },
  { title: 'VALUE', align: 'right' },
  { title: 'INCREMENTS', align: 'right' },
  { title: 'DECREMENTS', align: 'right' },
]

/** `tallymesh list [PREFIX]` */
export const list = command({
  name: 'list',
  summary: 'list the counters of the room in key order',
  operands: [{ name: 'PREFIX', meaning: 'only keys that start so', required: false }],
  flags: {
    limit: defaulted(integer('N', 1, 1_000_000), '100', { meaning: 'list at most so many' }),
    all: toggle({ meaning: 'list all, whatever the limit' }),
    ...SERVER_FLAGS,
    ...JSON_FLAG,
  },
  examples: [
    ['tallymesh list', 'the first 100'],
    [`tallymesh list 'orders{' --all`, 'every label set of orders'],
    ['tallymesh list --all --json | jq -c "select(.value < 0)"', 'one JSON object a line'],
  ],
  async run(values, [prefix = ''], { printer, env }) {
    const client = await openClient(readAccess(values, env))
    let left = values.all ? Number.POSITIVE_INFINITY : values.limit
    let page: CounterPage = { counters: [], next: '' }
    let titled = false
    while (left > 0 && page.next !== null) {
      page = await client.list({ prefix, after: page.next || undefined, limit: Math.min(left, PAGE_MAX) })
      left -= page.counters.length
      const lines = values.json ? page.counters.map(jsonText) : table(page.counters)
      // Of a long list only the first page has titles: each page is printed as it comes.
      for (const line of values.json || !titled ? lines : lines.slice(1)) await printer.line(line)
      titled = true
    }
    if (page.next !== null) printer.note('there are more; see them with --all or a larger --limit')
    return EXIT.done
  },
})

function table(counters: readonly CounterTotals[]): string[] {
  const rows = counters.map(({ key, ...figures }) => [
    key,
    ...[figures.value, figures.increments, figures.decrements].map(String),
  ])
  return textTable(COLUMNS, rows)
}
