// deadline: 300 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { endAll, RunningNode, scratch, tallymesh } from './cli-process.js'
import { deadUrl, OddServer } from './odd-server.js'

const status = suite('tallymesh status')
const dir = scratch()

status.after(endAll)

status('shows the room as a node sees it', async () => {
  const a = await RunningNode.start('a', dir, ['--room', 'shop'])
  const b = await RunningNode.start('b', dir, ['--room', 'shop', '--peer', a.peer])
  await b.run(['add', 'orders', '--replicas', '2'])
  const { code, out } = await a.run(['status'])
  assert.is(code, 0)
  const lines = out.trim().split('\n')
  assert.is(lines[0], `node a of room shop at ${a.url}: ready`)
  assert.match(lines[2] as string, /^MEMBER {4}STATE {2}LAG {2}PHI {2}REPLICA +STORE +URL$/)
  assert.match(lines[3] as string, /^a \(this\) {2}up +0 +0\.0 {2}- +[0-9a-f]{32} {2}ws:/)
  assert.match(lines[4] as string, /^b +up +0 +\d+\.\d {2}[0-9a-f]+ +[0-9a-f]{32} {2}ws:/)
  const json = JSON.parse((await a.run(['status', '--json', '--url', await deadUrl(), '--url', a.url])).out)
  assert.equal([json.ready, json.room, json.node, json.url], [true, 'shop', 'a', a.url])
  assert.equal(
    json.members.map(({ name }: { name: string }) => name),
    ['a', 'b'],
  )
  await b.stop('SIGKILL')
  await a.shows(/^b +down /m)
})

status('says who cannot be reached, and why', async () => {
  const dead = await deadUrl()
  const refused = await tallymesh(['status', '--url', dead])
  assert.equal(
    [refused.code, refused.err],
    [4, `tallymesh status: ${dead} cannot be reached: the connection was refused\n`],
  )
  const odd = await OddServer.start({ status: 200 })
  const strange = await tallymesh(['status', '--url', odd.url])
  assert.is(strange.code, 4)
  assert.match(strange.err, /does not answer as a tallymesh server \(HTTP 200, text\/html\)/)
  odd.close()
})

status.run()
