import { setTimeout } from 'node:timers/promises'
import type { WriteStream } from 'node:tty'
import type { TallymeshClient } from '@tallymesh/client'
import { plural } from '../plural.js'
import { openClient, readAccess } from './access.js'
import { command } from './command.js'
import { EXIT } from './exit-code.js'
import { defaulted, toggle } from './flag.js'
import { integer } from './flag-kind.js'
import { type Printer, printable } from './printer.js'
import { RateTable } from './rate-table.js'
import { type RoomSample, sampleRoom } from './room-sample.js'
import { Screen } from './screen.js'
import { SERVER_FLAGS } from './server-flags.js'
import { type Column, textTable } from './text-table.js'

/** The key stands last: on a narrow terminal it is what is cut. */
const COLUMNS: readonly Column[] = [
  { title: 'VALUE', align: 'right' },
  { title: '+/s', align: 'right' },
  { title: '-/s', align: 'right' },
  { title: 'KEY' },
]
/** Where the titles of the table stand. */
const TITLE_LINE = 3
const FRAME_LINES = TITLE_LINE + 1

interface Watched {
  readonly client: TallymeshClient
  readonly prefix: string
  readonly intervalMs: number
  readonly limit: number
  readonly printer: Printer
}

/** `tallymesh top [PREFIX]` */
export const top = command({
  name: 'top',
  summary: 'watch which counters move, live',
  details:
    'Counters with their rates since the last look, the busiest first, and the state of the members. q or Ctrl-C ends it. Where stdout is no terminal, each counter that moved is a line of time, value, rates and key, with tabs between. Looks at 10,000 counters at most.',
  operands: [{ name: 'PREFIX', meaning: 'only keys that start so', required: false }],
  flags: {
    intervalMs: defaulted(integer('MS', 100, 60_000), '1000', { meaning: 'time between two looks' }),
    limit: defaulted(integer('N', 1, 10_000), '20', {
      meaning: 'show at most so many counters (a terminal: what fits)',
    }),
    once: toggle({ meaning: 'look twice, print one table and end' }),
    ...SERVER_FLAGS,
  },
  examples: [
    ['tallymesh top', 'all counters'],
    [`tallymesh top 'http_requests{' --interval-ms 250`, 'some, four times a second'],
    ['tallymesh top --once', 'one table for a script or a report'],
    ['tallymesh top | tee moved.tsv', 'lines, for as long as it runs'],
  ],
  async run(values, [prefix = ''], { printer, env }) {
    const { intervalMs, limit } = values
    const watched = { client: await openClient(readAccess(values, env)), prefix, intervalMs, limit, printer }
    if (values.once) return once(watched)
    return printer.terminal ? live(watched) : lines(watched)
  },
})

async function once({ client, prefix, intervalMs, limit, printer }: Watched): Promise<number> {
  const rates = new RateTable()
  rates.sample((await sampleRoom(client, prefix)).counters, performance.now())
  await pause(intervalMs)
  const sample = await sampleRoom(client, prefix)
  rates.sample(sample.counters, performance.now())
  for (const line of view({ rates, sample }, limit)) await printer.line(line)
  return EXIT.done
}

async function lines({ client, prefix, intervalMs, limit, printer }: Watched): Promise<number> {
  const rates = new RateTable()
  let first = true
  for (;;) {
    try {
      rates.sample((await sampleRoom(client, prefix)).counters, performance.now())
      if (first) await printer.line(['TIME', ...COLUMNS.map(({ title }) => title)].join('\t'))
      first = false
    } catch (error) {
      if (first) throw error
      printer.note(`tallymesh top: ${(error as Error).message}`)
      await pause(intervalMs)
      continue
    }
    const at = new Date().toISOString()
    for (const { key, value, up, down } of rates.busiest(limit)) {
      if (up + down > 0) await printer.line([at, String(value), rate(up), rate(down), printable(key)].join('\t'))
    }
    await pause(intervalMs)
  }
}

async function live({ client, prefix, intervalMs, printer }: Watched): Promise<number> {
  const rates = new RateTable()
  let sample = await sampleRoom(client, prefix)
  let trouble: string | undefined
  const quit = new AbortController()
  const draw = () => screen.draw(view({ rates, sample, trouble }, screen.rows - FRAME_LINES), TITLE_LINE)
  const screen = new Screen(process.stdout as WriteStream, process.stdin, { quit: () => quit.abort(), resized: draw })
  // Rather than a view that nobody sees.
  printer.onGone(() => process.exit(EXIT.done))
  screen.open()
  try {
    rates.sample(sample.counters, performance.now())
    for (;;) {
      draw()
      await pause(intervalMs, quit.signal)
      if (quit.signal.aborted) break
      try {
        sample = await sampleRoom(client, prefix)
        rates.sample(sample.counters, performance.now())
        trouble = undefined
      } catch (error) {
        trouble = (error as Error).message
      }
    }
  } finally {
    screen.close()
  }
  return EXIT.done
}

interface Seen {
  readonly rates: RateTable
  readonly sample: RoomSample
  /** Why the last look failed. */
  readonly trouble?: string | undefined
}

function view({ rates, sample, trouble }: Seen, rows: number): string[] {
  const { room, more } = sample
  const members = room.members.map(({ name, state, lag }) => `${name} ${state}${lag > 0 ? ` (lag ${lag})` : ''}`)
  return [
    printable(`room ${room.room} as node ${room.node} sees it${trouble === undefined ? '' : `: ${trouble}`}`),
    printable(`members: ${members.join(', ')}`),
    `${more ? 'the first ' : ''}${plural(rates.size, 'counter')}, ${rate(rates.total)} counted per second`,
    ...textTable(
      COLUMNS,
      rates.busiest(Math.max(rows, 0)).map(({ key, value, up, down }) => [String(value), rate(up), rate(down), key]),
    ),
  ]
}

function rate(perSecond: number): string {
  return perSecond >= 100 ? perSecond.toFixed(0) : perSecond.toFixed(1)
}

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  // An end that comes early is an end, too.
  await setTimeout(ms, undefined, signal ? { signal } : {}).catch(() => {})
}
