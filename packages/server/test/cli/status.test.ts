import { TallymeshClient } from '@tallymesh/client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ServerLab, until } from '../lab.js'
import { tallymesh } from './cli-process.js'
import { command, commandsOf } from './command-line.js'
import { deadUrl, OddServer } from './odd-server.js'

const status = suite('tallymesh status')
const lab = new ServerLab()

status.after(() => lab.close())

status('shows the room as a node sees it', async () => {
  const a = await lab.start('a', { room: 'shop' })
  const b = await lab.start('b', { room: 'shop', peers: [a.node.url as string] })
  const run = commandsOf(() => a)
  await run(['add', 'orders', '--replicas', '2', '--url', b.url])
  const { code, out } = await tallymesh(['status', '--url', a.url])
  assert.is(code, 0)
  const lines = out.trim().split('\n')
  assert.is(lines[0], `node a of room shop at ${a.url}: ready`)
  assert.match(lines[2] as string, /^MEMBER {4}STATE {2}LAG {2}PHI {2}REPLICA +STORE +URL$/)
  assert.match(lines[3] as string, /^a \(this\) {2}up +0 +0\.0 {2}- +[0-9a-f]{32} {2}ws:/)
  assert.match(lines[4] as string, /^b +up +0 +\d+\.\d {2}[0-9a-f]+ +[0-9a-f]{32} {2}ws:/)
  const json = JSON.parse((await run(['status', '--json', '--url', await deadUrl(), '--url', a.url])).out)
  assert.equal([json.ready, json.room, json.node, json.url], [true, 'shop', 'a', a.url])
  assert.equal(
    json.members.map(({ name }: { name: string }) => name),
    ['a', 'b'],
  )
  assert.match(out, /^operations: none open$/m)
  const count = (key: string) => new TallymeshClient({ urls: [a.url] }).add(key, 1)
  await count('orders')
  await until('it is settled', () => a.node.stats.operations.open === 0)
  await b.close()
  await until('its status shows b down', async () => /^b +down /m.test((await run(['status'])).out))
  await count('orders')
  const waiting =
    /^operations: 1 open, the oldest for \d+\.\d s; they wait for b: bring back what is away, or remove it$/m
  assert.match((await run(['status'])).out, waiting)
})

status('tells of ids that nobody counts under any more, and what their fold waits for', async () => {
  const options = { room: 'fold', runtimeDir: false } as const
  const first = await lab.start('fold-a', options)
  const b = await lab.start('fold-b', { ...options, peers: [first.node.url as string] })
  const run = commandsOf(() => first)
  await run(['add', 'orders', '--replicas', '2'])
  assert.not.match((await run(['status'])).out, /RETIRED|fold(ed|ing) /)
  const { replica } = first.node.stats
  await first.close()
  const again = await lab.start('fold-a', { ...options, peers: [b.node.url as string] })
  const status = commandsOf(() => again)
  await status(['add', 'orders', '--replicas', '2'])
  const table = new RegExp(`^RETIRED +ITS COUNTS\n${replica} +are not folded yet\n$`, 'm')
  await until('the id of before is shown', async () => table.test((await status(['status'])).out))
  await b.close()
  const waiting = /^folding waits for fold-b: bring back what is away, or remove it$/m
  await until('folding waits for b', async () => waiting.test((await status(['status'])).out))
  const json = JSON.parse((await status(['status', '--json'])).out)
  assert.equal(json.folding, {
    ...{ retired: [{ replica, state: 'retired' }], count: 1, folded: 0 },
    ...{ waitsFor: ['fold-b'], refused: 0, missed: 0 },
  })
  await until('b is down', async () => (await status(['remove', 'fold-b', '--yes'])).code === 0)
  assert.match((await status(['status'])).out, /^folding waits for a second member: a room of one folds nothing$/m)
})

status('says which ids stay, that there are more than it shows, and what was refused', async () => {
  const room = { ready: true, room: 'r', node: 'a', members: [] }
  const states = ['claimed', 'folding', 'folded', 'full', 'of a later version']
  const shown = async (refused: number, missed: number) => {
    const retired = Array.from({ length: 25 }, (_, at) => ({ replica: `9${at}`, state: states[at] ?? 'retired' }))
    const folding = { retired, count: 120, folded: 0, waitsFor: [], refused, missed }
    const odd = await OddServer.start({
      ...{ status: 200, type: 'application/json' },
      body: JSON.stringify({ ...room, folding }),
    })
    const { out } = await command(['status', '--url', odd.url])
    odd.close()
    return out.split('\n').slice(4)
  }
  assert.equal((await shown(0, 0)).slice(0, 6), [
    'RETIRED  ITS COUNTS',
    '90       are taken on by a node that folds them',
    '91       are being folded',
    '92       are folded; what turns up late of them still counts',
    '93       stay: they fit no other id',
    '94       of a later version',
  ])
  assert.equal((await shown(1, 2)).slice(20), [
    '919      are not folded yet',
    'and 100 more',
    '',
    'refused 1 update of ids folded before: what only they held is not counted',
    '',
    '2 ids folded while this node was away: what only its disk held is not counted',
    '',
  ])
  assert.equal((await shown(0, 0)).slice(20), ['919      are not folded yet', 'and 100 more', ''])
})

status('says who cannot be reached, and why', async () => {
  const dead = await deadUrl()
  const refused = await tallymesh(['status', '--url', dead])
  assert.equal(
    [refused.code, refused.err],
    [4, `tallymesh status: ${dead} cannot be reached: the connection was refused\n`],
  )
  const odd = await OddServer.start({ status: 200 })
  const strange = await command(['status', '--url', odd.url])
  assert.is(strange.code, 4)
  assert.match(strange.err, /does not answer as a tallymesh server \(HTTP 200, text\/html\)/)
  odd.close()
})

status.run()
