import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { plural } from '../plural.js'
import { readAccess } from './access.js'
import { importAnswer } from './answers.js'
import { command } from './command.js'
import { EXIT, usageError } from './exit-code.js'
import { ExportCheck, type ExportHead } from './export-check.js'
import { defaulted } from './flag.js'
import { integer } from './flag-kind.js'
import { type Printer, printable } from './printer.js'
import { RoomHttp } from './room-http.js'
import { JSON_FLAG, SERVER_FLAGS } from './server-flags.js'
import { fileReason } from './settings-file.js'

const PROGRESS_SLOTS = 10_000

/** `tallymesh import FILE` */
export const importCommand = command({
  name: 'import',
  summary: 'merge a backup into the room',
  details:
    'The file is checked as a whole before anything is sent, and again by the server before anything is merged. Each slot is merged by maximum: importing twice, or what the room knows already, changes nothing. A backup of another room is refused (exit code 3). Needs the scope admin.',
  operands: [{ name: 'FILE', meaning: 'what export wrote', required: true }],
  flags: {
    ...SERVER_FLAGS,
    timeoutMs: defaulted(integer('MS', 1, 3_600_000), '600000', {
      meaning: 'how long the import may take',
      group: 'Server',
    }),
    ...JSON_FLAG,
  },
  examples: [['tallymesh import shop.ndjson', 'says how many slots the file has and how many changed']],
  async run(values, [path], { printer, env }) {
    const http = new RoomHttp(readAccess(values, env))
    const { room, at } = await checkFile(path as string, printer)
    const answer = importAnswer(
      await http.json({
        method: 'POST',
        path: '/v1/import',
        headers: { 'content-type': 'application/x-ndjson' },
        body: () => Readable.toWeb(createReadStream(path as string)),
      }),
    )
    if (values.json) await printer.json(answer)
    else {
      const from = printable(`of room ${room}, exported at ${at}`)
      await printer.line(
        `${plural(answer.slots, 'slot')} ${from}: ${answer.changed} changed, the others were known already`,
      )
    }
    return EXIT.done
  },
})

/** @throws CommandError where the file cannot be read, or is not whole */
async function checkFile(path: string, printer: Printer): Promise<ExportHead> {
  const check = new ExportCheck(path)
  const stream = createReadStream(path, { highWaterMark: 256 * 1024 })
  let told = 0
  try {
    for await (const chunk of stream) {
      check.push(chunk as Uint8Array)
      if (check.slots - told >= PROGRESS_SLOTS) printer.progress(`${(told = check.slots)} slots checked`)
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw usageError(`${path} cannot be read: ${fileReason(error)}`)
  }
  if (told > 0) printer.progress('')
  return check.end()
}
