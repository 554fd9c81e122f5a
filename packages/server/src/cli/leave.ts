import { readAccess } from './access.js'
import { command } from './command.js'
import { confirm } from './confirmation.js'
import { CommandError, EXIT } from './exit-code.js'
import { defaulted, toggle } from './flag.js'
import { integer } from './flag-kind.js'
import { printable } from './printer.js'
import { Refusal, RoomHttp } from './room-http.js'
import { SERVER_FLAGS } from './server-flags.js'

/** `tallymesh leave NAME` */
export const leave = command({
  name: 'leave',
  summary: 'let a running node go for good',
  details:
    'Asked of the node itself. It drains, refuses to count, waits until every other member holds durably what it knows, takes itself out of the room, and ends with exit code 0. Its counts stay; its data directory is refused from then on. While a member is away the node ends with exit code 7, and so does this command: it is still a member then, and can be started again. The only member is refused (exit code 3), and goes on. Needs the scope admin.',
  operands: [
    { name: 'NAME', meaning: 'name or store id of the node that is asked, as status shows it', required: true },
  ],
  flags: {
    yes: toggle({ meaning: 'do not ask' }),
    url: SERVER_FLAGS.url,
    tokenFile: SERVER_FLAGS.tokenFile,
    timeoutMs: defaulted(integer('MS', 1, 600_000), '120000', {
      meaning: 'how long to wait for the node, which drains first; it goes on leaving after that',
      group: 'Server',
    }),
  },
  examples: [
    ['tallymesh leave api-3 --url http://10.0.0.3:7001', 'asks first'],
    ['tallymesh leave "$HOSTNAME" --yes', 'in a script on the machine of the node'],
  ],
  async run(values, [name], { printer, env }) {
    const access = readAccess(values, env)
    const member = name as string
    const text = () => `Let ${member} leave its room for good, and end?`
    if (!values.yes) await confirm({ command: 'leave', text, declined: 'nothing was done' })
    try {
      await new RoomHttp(access).json({
        method: 'POST',
        path: `/v1/members/${encodeURIComponent(member)}/leave`,
        headers: { 'content-type': 'application/json' },
        body: () => new Blob(['{}']).stream(),
      })
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'LEAVE_TIMEOUT') throw error
      throw new CommandError(EXIT.member, error.message, { cause: error })
    }
    await printer.line(`${printable(member)} left the room; its counts stay`)
    return EXIT.done
  },
})
