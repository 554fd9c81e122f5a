import { openClient, readAccess } from './access.js'
import { command } from './command.js'
import { EXIT } from './exit-code.js'
import { readKey } from './key.js'
import { printable } from './printer.js'
import { JSON_FLAG, SERVER_FLAGS } from './server-flags.js'
import { textTable } from './text-table.js'

/** `tallymesh get KEY…` */
export const get = command({
  name: 'get',
  summary: 'print the value of counters',
  details:
    'One key prints its value alone; several print a table. A counter that was never counted is 0. With --json, each is one line with value, increments and decrements.',
  operands: [
    { name: 'KEY', meaning: 'name, or name{label="value"}; labels in any order', required: true, repeat: true },
  ],
  flags: { ...SERVER_FLAGS, ...JSON_FLAG },
  examples: [
    ['tallymesh get orders', 'prints 41'],
    [`tallymesh get 'orders{region="eu"}' stock`, 'prints a table of both'],
    ['tallymesh get orders --json --url https://counters.example.org', 'asks a server elsewhere'],
  ],
  async run(values, operands, { printer, env }) {
    const keys = await Promise.all(operands.map(readKey))
    const client = await openClient(readAccess(values, env))
    const rows: string[][] = []
    for (const key of keys) {
      const counter = await client.get(key)
      if (values.json) await printer.json(counter)
      else rows.push([counter.key, String(counter.value)])
    }
    if (values.json) return EXIT.done
    if (rows.length === 1) await printer.line(printable(rows[0]?.[1] as string))
    else
      for (const line of textTable([{ title: 'KEY' }, { title: 'VALUE', align: 'right' }], rows))
        await printer.line(line)
    return EXIT.done
  },
})
