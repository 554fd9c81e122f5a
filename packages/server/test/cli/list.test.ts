// deadline: 300 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bash, endAll, RunningNode, scratch } from './cli-process.js'

const KEYS = 1_205
let node: RunningNode
const list = suite('tallymesh list')

list.before(async () => {
  node = await RunningNode.start('a', scratch())
  const adds = Array.from({ length: KEYS }, (_, at) => ({ key: `k${String(at).padStart(5, '0')}`, add: at + 1 }))
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${node.url}/v1/counters`, { method: 'POST', headers, body: JSON.stringify(adds) })
  assert.is(answer.status, 200)
  await node.run(['add', 'orders{region="eu"}', '-4'])
})
list.after(endAll)

list('prints a table of the first, and says that there are more', async () => {
  const { out, err } = await node.run(['list', '--limit', '2'])
  assert.is(
    out,
    'KEY     VALUE  INCREMENTS  DECREMENTS\nk00000      1           1           0\nk00001      2           2           0\n',
  )
  assert.match(err, /there are more/)
  assert.is((await node.run(['list'])).out.trim().split('\n').length, 101)
})

list('takes a prefix', async () => {
  const { out, err } = await node.run(['list', 'orders{', '--json'])
  assert.equal(JSON.parse(out), { key: 'orders{region="eu"}', value: -4, increments: 0, decrements: 4 })
  assert.is(err, '')
  assert.is((await node.run(['list', 'nothing', '--json'])).out, '')
})

list('lists all over several pages, with one line of titles', async () => {
  const { out } = await node.run(['list', '--all'])
  const lines = out.trim().split('\n')
  assert.is(lines.length, KEYS + 2)
  assert.is(lines.filter(line => line.startsWith('KEY')).length, 1)
  assert.is((await node.run(['list', '--json', '--limit', '1100'])).out.trim().split('\n').length, 1_100)
})

list('ends quietly when its reader does', async () => {
  const call = `set -o pipefail; tallymesh list --all --json --url ${node.url} | head -n 3`
  const { code, out, err } = await bash(call)
  assert.equal([code, out.split('\n').length, err], [0, 4, ''])
})

list.run()
