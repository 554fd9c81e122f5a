import type { Member, Members, RoomFolding, RoomOperations } from '@tallymesh/client'
import { plural } from '../plural.js'
import { type Access, openClient, readAccess } from './access.js'
import { type ReadyAnswer, readyAnswer } from './answers.js'
import { command } from './command.js'
import { EXIT } from './exit-code.js'
import { isClientError } from './failure.js'
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

const RETIRED_COLUMNS: readonly Column[] = [{ title: 'RETIRED' }, { title: 'ITS COUNTS' }]
const RETIRED_MAX = 20
/** In words, what becomes of a replica id that is nobody's. */
const RETIRED_STATES: ReadonlyMap<string, string> = new Map([
  ['retired', 'are not folded yet'],
  ['claimed', 'are taken on by a node that folds them'],
  ['folding', 'are being folded'],
  ['folded', 'are folded; what turns up late of them still counts'],
  ['full', 'stay: they fit no other id'],
])

/** `tallymesh status` */
export const status = command({
  name: 'status',
  summary: 'show whether a node is ready, and the room as it sees it',
  details:
    'LAG counts the batches of this node that a member has not confirmed; PHI is how unlikely its silence is (suspected from 5, down from 10). Below stand the adds with an id that are not settled, and the members that they wait for; and the replica ids under which nobody counts any more, until their counts are folded into another id. Exit code 4 where the node is not ready.',
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
    return await (await openClient(access)).members()
  } catch (error) {
    if (!ready && isClientError(error) && error.code === 'UNREACHABLE') return undefined
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
    ...(room.operations ? ['', ...operationLines(room.operations)] : []),
    ...(room.folding ? foldingLines(room.folding, room.members.length === 1) : []),
  ]
}

/** Nothing where nothing is left to fold, and nothing was refused. */
function foldingLines({ retired, count, waitsFor, refused, missed }: RoomFolding, alone: boolean): string[] {
  const lines: string[] = []
  if (count > 0) {
    const shown = retired.slice(0, RETIRED_MAX)
    const rows = shown.map(({ replica, state }) => [replica, RETIRED_STATES.get(state) ?? state])
    lines.push('', ...textTable(RETIRED_COLUMNS, rows))
    if (count > shown.length) lines.push(`and ${count - shown.length} more`)
  }
  if (waitsFor.length > 0) {
    lines.push(`folding waits for ${printable(waitsFor.join(', '))}: bring back what is away, or remove it`)
  } else if (alone && retired.some(({ state }) => state === 'retired')) {
    lines.push('folding waits for a second member: a room of one folds nothing')
  }
  if (refused > 0) {
    lines.push('', `refused ${plural(refused, 'update')} of ids folded before: what only they held is not counted`)
  }
  if (missed > 0) {
    lines.push('', `${plural(missed, 'id')} folded while this node was away: what only its disk held is not counted`)
  }
  return lines
}

function operationLines({ open, oldestMs, admitted, waitsFor }: RoomOperations): string[] {
  const what = open === 0 ? 'none open' : `${open} open, the oldest for ${(oldestMs / 1_000).toFixed(1)} s`
  const untaken = admitted ? '' : '; this node takes none yet'
  if (waitsFor.length === 0) return [`operations: ${what}`]
  const names = printable(waitsFor.join(', '))
  return [`operations: ${what}${untaken}; they wait for ${names}: bring back what is away, or remove it`]
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
