import { createInterface } from 'node:readline/promises'
import type { Member, Members } from '@tallymesh/client'
import { openClient, readAccess } from './access.js'
import { command } from './command.js'
import { CommandError, EXIT, usageError } from './exit-code.js'
import { toggle } from './flag.js'
import { printable } from './printer.js'
import { RoomHttp } from './room-http.js'
import { SERVER_FLAGS } from './server-flags.js'

/** `tallymesh remove NAME` */
export const remove = command({
  name: 'remove',
  summary: 'take a member that is gone for good out of the room',
  details:
    'Its counts stay. Its data directory is refused from then on: it comes back only with an empty one. A member that is up is refused (exit code 3): stop it first. Needs the scope admin.',
  operands: [{ name: 'NAME', meaning: 'name or store id of the member, as status shows it', required: true }],
  flags: { yes: toggle({ meaning: 'do not ask' }), ...SERVER_FLAGS },
  examples: [
    ['tallymesh remove api-3', 'asks first'],
    ['tallymesh remove 9f3c0a… --yes', 'by store id, where two members have one name'],
  ],
  async run(values, [name], { printer, env }) {
    const access = readAccess(values, env)
    const member = name as string
    if (!values.yes) await confirm(member, () => openClient(access).members())
    await new RoomHttp(access).json({ method: 'DELETE', path: `/v1/members/${encodeURIComponent(member)}` })
    await printer.line(`${printable(member)} was taken out of the room; its counts stay`)
    return EXIT.done
  },
})

async function confirm(name: string, read: () => Promise<Members>): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw usageError('remove asks for confirmation, and there is no terminal to ask on; add --yes')
  }
  const { room, members } = await read()
  const found = members.filter(({ name: called, store, self }) => !self && (called === name || store === name))
  const listed = found.map(describe).join('; ') || `${name} (not a member that this node knows)`
  const ask = createInterface({ input: process.stdin, output: process.stderr })
  try {
    ask.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
    const end = new Promise<string>(resolve => ask.once('close', () => resolve('')))
    const answer = ask.question(printable(`Take ${listed} out of room ${room} for good? [y/N] `))
    if (!/^y(?:es)?$/i.test((await Promise.race([answer, end])).trim())) {
      throw new CommandError(EXIT.failed, 'nothing was removed')
    }
  } finally {
    ask.close()
  }
}

function describe({ name, store, state }: Member): string {
  return `${name} (${state}, store ${store})`
}
