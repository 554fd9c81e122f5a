import { openClient, readAccess } from './access.js'
import { command } from './command.js'
import { EXIT, usageError } from './exit-code.js'
import { optional } from './flag.js'
import { replicas } from './flag-kind.js'
import { readKey } from './key.js'
import { JSON_FLAG, SERVER_FLAGS } from './server-flags.js'

/** `tallymesh add KEY [AMOUNT]` */
export const add = command({
  name: 'add',
  summary: 'count: add to a counter, or take away from it',
  details:
    'Prints the value once the count is durable. What was certainly not counted is tried again, also on other servers, until --timeout-ms; where nobody can tell, the exit code is 5: look before you count again. Needs the scope write.',
  operands: [
    { name: 'KEY', meaning: 'name, or name{label="value"}; labels in any order', required: true },
    { name: 'AMOUNT', meaning: 'a whole number other than 0; negative takes away; left away: 1', required: false },
  ],
  flags: {
    replicas: optional(replicas, { meaning: 'wait until so many nodes hold it durably, the asked one included' }),
    ...SERVER_FLAGS,
    ...JSON_FLAG,
  },
  examples: [
    ['tallymesh add orders', 'one more'],
    [`tallymesh add 'orders{region="eu"}' 25 --replicas majority`, 'survives the loss of a minority of disks'],
    ['tallymesh add stock -3', 'three less; after -- too: tallymesh add stock -- -3'],
  ],
  async run(values, [typed, digits = '1'], { printer, env }) {
    const key = await readKey(typed as string)
    const amount = readAmount(digits)
    const client = await openClient(readAccess(values, env))
    const added = await client.add(key, amount, { replicas: values.replicas })
    if (values.json) await printer.json({ ...added, after: client.position })
    else await printer.line(String(added.value))
    return EXIT.done
  },
})

function readAmount(digits: string): number {
  const amount = /^[+-]?\d{1,16}$/.test(digits) ? Number(digits) : Number.NaN
  if (Number.isSafeInteger(amount) && amount !== 0) return amount
  throw usageError(`AMOUNT must be a whole number from -(2^53-1) to 2^53-1 other than 0, got ${JSON.stringify(digits)}`)
}
