import { plural } from '../plural.js'
import { readAccess } from './access.js'
import { AtomicFile } from './atomic-file.js'
import { command } from './command.js'
import { CommandError, EXIT } from './exit-code.js'
import { ExportCheck } from './export-check.js'
import { optional } from './flag.js'
import { file } from './flag-kind.js'
import { onInterruption } from './interruption.js'
import { networkReason } from './network-reason.js'
import { type Printer, printable } from './printer.js'
import { RoomHttp } from './room-http.js'
import { SERVER_FLAGS } from './server-flags.js'

const PROGRESS_SLOTS = 10_000

/** `tallymesh export` */
export const exportCommand = command({
  name: 'export',
  summary: 'write a consistent backup of the room as one node holds it',
  details:
    'JSON lines, taken at one instant while the node goes on counting; their number and SHA-256 are checked while they come. With --out the file appears whole or not at all, durable, with mode 0600, and replaces one that stands there. Needs the scope admin. --timeout-ms bounds the wait for the first and for each next piece.',
  operands: [],
  flags: { out: optional(file(), { meaning: 'file to write; left away: stdout' }), ...SERVER_FLAGS },
  examples: [
    ['tallymesh export --out shop.ndjson', 'a file'],
    ['tallymesh export | gzip > shop.ndjson.gz', 'a pipe; set -o pipefail to notice a failure'],
  ],
  async run(values, _operands, { printer, env }) {
    const http = new RoomHttp(readAccess(values, env))
    printer.onGone(() => {
      printer.note('tallymesh: the export is incomplete: nobody reads it any longer')
      process.exit(EXIT.failed)
    })
    if (values.out === undefined) {
      await transfer(http, { printer, timeoutMs: values.timeoutMs, write: chunk => printer.write(chunk) })
      return EXIT.done
    }
    const target = new AtomicFile(values.out)
    const release = onInterruption(() => target.discard())
    try {
      await target.create()
      const told = await transfer(http, { printer, timeoutMs: values.timeoutMs, write: chunk => target.write(chunk) })
      await target.commit()
      printer.note(`${told} are in ${values.out}`)
      return EXIT.done
    } finally {
      target.discard()
      release()
    }
  },
})

interface Transfer {
  readonly printer: Printer
  readonly timeoutMs: number
  readonly write: (chunk: Uint8Array) => Promise<void>
}

/** Passes the export on as it comes, and checks it. @returns what it was, for people */
async function transfer(http: RoomHttp, { printer, timeoutMs, write }: Transfer): Promise<string> {
  const idle = new AbortController()
  const timer = setTimeout(() => idle.abort(new Error(`nothing came for ${timeoutMs} ms`)), timeoutMs)
  timer.unref()
  try {
    const answer = await http.fetch({ path: '/v1/export', signal: idle.signal })
    const check = new ExportCheck(`the export of ${http.url}`)
    let told = 0
    for await (const chunk of pieces(answer, http.url)) {
      check.push(chunk)
      await write(chunk)
      timer.refresh()
      if (check.slots - told >= PROGRESS_SLOTS) printer.progress(`${(told = check.slots)} slots`)
    }
    const { room, node } = check.end()
    if (told > 0) printer.progress('')
    return printable(`${plural(check.slots, 'slot')} of room ${room}, as node ${node} holds them,`)
  } finally {
    clearTimeout(timer)
  }
}

async function* pieces(answer: Response, url: string): AsyncGenerator<Uint8Array> {
  try {
    yield* answer.body ?? []
  } catch (cause) {
    throw new CommandError(EXIT.unreachable, `the export of ${url} broke off: ${networkReason(cause)}`, { cause })
  }
}
