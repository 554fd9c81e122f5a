import type { Member, Members } from '@tallymesh/client'
import { openClient, readAccess } from './access.js'
import { command } from './command.js'
import { confirm } from './confirmation.js'
import { EXIT } from './exit-code.js'
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
    const text = async () => question(member, await (await openClient(access)).members())
    if (!values.yes) await confirm({ command: 'remove', text, declined: 'nothing was removed' })
    await new RoomHttp(access).json({ method: 'DELETE', path: `/v1/members/${encodeURIComponent(member)}` })
    await printer.line(`${printable(member)} was taken out of the room; its counts stay`)
    return EXIT.done
  },
})

function question(name: string, { room, members }: Members): string {
  const found = members.filter(({ name: called, store, self }) => !self && (called === name || store === name))
  const listed = found.map(describe).join('; ') || `${name} (not a member that this node knows)`
  return `Take ${listed} out of room ${room} for good?`
}

function describe({ name, store, state }: Member): string {
  return `${name} (${state}, store ${store})`
}
