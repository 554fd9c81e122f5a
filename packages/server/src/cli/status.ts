import { type Member, type Members, TallymeshClientError } from '@tallymesh/client'
import { type Access, openClient, readAccess } from './access.js'
import { type ReadyAnswer, readyAnswer } from './answers.js'
import { command } from './command.js'
import { EXIT } from './exit-code.js'
import { printable } from './printer.js'
import { RoomHttp } from './room-http.js'
import { JSON_FLAG, SERVER_FLAGS } from './server-flags.js'
import { type Column, textTable } from './text-table.js'

const COLUMNS: readonly Column[] = [
  { title: 'MEMBER' },
  { title: 'STATE' },
  { title: 'LAG', align: 'right' },
  { title: 'PHI', align: 'right' },
  { title: 'REPLICA' },
  { title: 'STORE' },
  { title: 'URL' },
]

/** `tallymesh status` */
export const status = command({
  name: 'status',
  summary: 'show whether a node is ready, and the room as it sees it',
  details:
    'LAG counts the batches of this node that a member has not confirmed; PHI is how unlikely its silence is (suspected from 5, down from 10). Exit code 4 where the node is not ready.',
  operands: [],
  flags: { ...SERVER_FLAGS, ...JSON_FLAG },
  examples: [
    ['tallymesh status', 'the node on this machine'],
    ['tallymesh status --url http://10.0.0.2:7001 --json', 'for programs'],
    ['tallymesh status > /dev/null && echo ready', 'in a script'],
  ],
  async run(values, _operands, { printer, env }) {
    const access = readAccess(values, env)
    // The reason of one node beside the room of another would mislead: the first that answers is asked for both.
    const first = new RoomHttp(access)
    const ready = readyAnswer(await first.json({ path: '/readyz', accept: [503] }))
    const room = await roomOf({ ...access, urls: [first.url] }, ready)
    if (values.json) await printer.json({ url: first.url, ...ready, ...room })
    else for (const line of describe(first.url, ready, room)) await printer.line(line)
    return ready.ready ? EXIT.done : EXIT.unreachable
  },
})

/** A node that is still opening tells nothing of the room. */
async function roomOf(access: Access, { ready }: ReadyAnswer): Promise<Members | undefined> {
  try {
    return await openClient(access).members()
  } catch (error) {
    if (!ready && error instanceof TallymeshClientError && error.code === 'UNREACHABLE') return undefined
    throw error
  }
}

function describe(url: string, ready: ReadyAnswer, room: Members | undefined): string[] {
  const why = ready.ready ? 'ready' : `not ready: ${ready.detail ?? ready.reason ?? 'it does not say why'}`
  if (!room) return [`node at ${url}: ${printable(why)}`]
  return [
    printable(`node ${room.node} of room ${room.room} at ${url}: ${why}`),
    '',
    ...textTable(COLUMNS, room.members.map(memberRow)),
  ]
}

function memberRow({ name, self, state, lag, phi, replica, store, url }: Member): string[] {
  return [
    self ? `${name} (this)` : name,
    state,
    String(lag),
    phi === null ? '-' : phi.toFixed(1),
    replica ?? '-',
    store,
    url ?? '-',
  ]
}
