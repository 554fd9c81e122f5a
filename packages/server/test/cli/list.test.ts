import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TallymeshServer } from '../../src/server.js'
import { post, ServerLab } from '../lab.js'
import { bash, tallymesh } from './cli-process.js'
import { commandsOf } from './command-line.js'

const KEYS = 1_205
const lab = new ServerLab()
let node: TallymeshServer
const run = commandsOf(() => node)
const list = suite('tallymesh list')

list.before(async () => {
  node = await lab.start('a')
  const adds = Array.from({ length: KEYS }, (_, at) => ({ key: `k${String(at).padStart(5, '0')}`, add: at + 1 }))
  assert.is((await post(node, '/v1/counters', adds)).status, 200)
  await run(['add', 'orders{region="eu"}', '-4'])
})
list.after(() => lab.close())

list('prints a table of the first, and says that there are more', async () => {
  const { out, err } = await run(['list', '--limit', '2'])
  assert.is(
    out,
    'KEY     VALUE  INCREMENTS  DECREMENTS\nk00000      1           1           0\nk00001      2           2           0\n',
  )
  assert.match(err, /there are more/)
  assert.is((await run(['list'])).out.trim().split('\n').length, 101)
})

list('takes a prefix', async () => {
  const { out, err } = await run(['list', 'orders{', '--json'])
  assert.equal(JSON.parse(out), { key: 'orders{region="eu"}', value: -4, increments: 0, decrements: 4 })
  assert.is(err, '')
  assert.is((await run(['list', 'nothing', '--json'])).out, '')
})

list('lists all over several pages, with one line of titles', async () => {
  const { out } = await tallymesh(['list', '--all', '--url', node.url])
  const lines = out.trim().split('\n')
  assert.is(lines.length, KEYS + 2)
  assert.is(lines.filter(line => line.startsWith('KEY')).length, 1)
  assert.is((await run(['list', '--json', '--limit', '1100'])).out.trim().split('\n').length, 1_100)
})

list('ends quietly when its reader does', async () => {
  const call = `set -o pipefail; tallymesh list --all --json --url ${node.url} | head -n 3`
  const { code, out, err } = await bash(call)
  assert.equal([code, out.split('\n').length, err], [0, 4, ''])
})

list.run()
