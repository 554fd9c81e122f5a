import { plural } from '../plural.js'
import { command } from './command.js'
import { EXIT, usageError } from './exit-code.js'
import { optional } from './flag.js'
import { file, text } from './flag-kind.js'
import { printable } from './printer.js'
import { JSON_FLAG } from './server-flags.js'

/** `tallymesh verify --data DIR` */
export const verify = command({
  name: 'verify',
  summary: 'check the data directory of a stopped node, and change nothing in it',
  details:
    'Reads every record and every log, and checks their checksums, digests and chains. Exit code 6 where it is damaged, locked by a process, of another room, or no data directory.',
  operands: [],
  flags: {
    data: optional(file('DIR'), { meaning: 'the data directory (required)', env: 'TALLYMESH_DATA' }),
    room: optional(text('NAME', 256), {
      meaning: 'the room that it must be of; left away: any',
      env: 'TALLYMESH_ROOM',
    }),
    ...JSON_FLAG,
  },
  examples: [
    ['tallymesh verify --data ./data/a', 'after a crash of the machine, or on a copy'],
    ['tallymesh verify --data /backup/a --room shop --json', 'for programs'],
  ],
  async run(values, _operands, { printer }) {
    if (values.data === undefined) throw usageError('--data must name the data directory')
    const { verifyDirectory } = await import('tallymesh')
    const found = await verifyDirectory({
      dataDir: values.data,
      ...(values.room === undefined ? {} : { room: values.room }),
    })
    const { damage } = found
    const exit = damage.length === 0 ? EXIT.done : EXIT.directory
    if (values.json) {
      await printer.json(found)
      return exit
    }
    await printer.line(printable(`${values.data}: store ${found.store} of room ${found.room}`))
    await printer.line(
      `${plural(found.keys, 'counter')} in ${plural(found.slots, 'slot')} of ${plural(found.logs, 'log')}, ${plural(found.commits, 'commit')}, ${plural(found.bytes, 'byte')} on disk`,
    )
    if (damage.length === 0) {
      await printer.line('whole: every checksum, digest and chain holds')
      return exit
    }
    await printer.line(`damaged in ${plural(damage.length, 'place')}:`)
    for (const place of damage) await printer.line(`  ${printable(place)}`)
    await printer.line(REPAIR)
    return exit
  },
})

const REPAIR = `What to do: copy the directory away first. Then start the node with --repair while its peers are up: it keeps what can be
read and fetches the rest from them. A node whose peers are up can as well start with an empty directory.`
