import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TallymeshServer } from '../../src/server.js'
import { ServerLab } from '../lab.js'
import { tallymesh } from './cli-process.js'
import { command, commandsOf } from './command-line.js'
import { deadUrl, OddServer } from './odd-server.js'

const lab = new ServerLab()
let node: TallymeshServer
const run = commandsOf(() => node)
const add = suite('tallymesh add')

add.before(async () => {
  node = await lab.start('a')
})
add.after(() => lab.close())

add('counts, also down, with labels in any order', async () => {
  const first = await tallymesh(['add', 'orders'], { env: { TALLYMESH_URL: node.url } })
  assert.equal(first, { code: 0, signal: undefined, out: '1\n', err: '' })
  assert.is((await run(['add', 'stock', '-3'])).out, '-3\n')
  assert.is((await run(['add', 'stock', '--', '-2'])).out, '-5\n')
  assert.is((await run(['add', '--timeout-ms', '9000', 'stock', '+6'])).out, '1\n')
  assert.is((await run(['add', 'orders{b="2",a="1"}', '4'])).out, '4\n')
  const json = JSON.parse((await run(['add', 'orders{a="1",b="2"}', '--json'])).out)
  assert.equal([json.key, json.value], ['orders{a="1",b="2"}', 5])
  assert.match(json.after, /^[0-9a-f]+:\d+$/)
})

add('refuses what cannot be counted, before it asks anybody', async () => {
  for (const amount of ['0', '1.5', '1e3', '9007199254740992', 'x', '-', '']) {
    const { code, err } = await command(['add', 'orders', '--', amount])
    assert.is(code, 2, amount)
    assert.match(err, /^tallymesh add: AMOUNT must be a whole number .*\n$/)
  }
  assert.is((await command(['add', 'orders', '--replicas', '0'])).code, 2)
  assert.is((await command(['add', ''])).code, 2)
})

add('tells refused, unreachable and open apart', async () => {
  const fails = async (args: readonly string[], code: number, message: RegExp) => {
    const ran = await run(['add', 'apart', ...args])
    assert.is(ran.code, code, ran.err)
    assert.match(ran.err, message)
    assert.is(ran.out, '')
  }
  await fails(['--replicas', '2', '--timeout-ms', '4000'], 5, /\(NOT_REPLICATED\)/)
  await fails(['--url', await deadUrl(), '--timeout-ms', '300'], 4, /nothing was counted.*\(UNREACHABLE\)/)
  const broken = await OddServer.start({ status: 200, breaks: 'before' })
  await fails(['--url', broken.url], 5, /may or may not have been counted.*\(INDETERMINATE\)/)
  assert.is(broken.requests, 1)
  const gateway = await OddServer.start({ status: 502 })
  await fails(['--url', gateway.url], 5, /\(INDETERMINATE\)/)
  assert.is(gateway.requests, 1)
  broken.close()
  gateway.close()
  const most = String(Number.MAX_SAFE_INTEGER)
  assert.is((await run(['add', 'full', most])).out, `${most}\n`)
  const full = await tallymesh(['add', 'full'], { env: { TALLYMESH_URL: node.url } })
  assert.is(full.code, 3)
  assert.match(full.err, /^tallymesh add: http:\S+ answered 409: .*\(COUNTER_OVERFLOW\)\n$/)
  assert.is(full.err.split('COUNTER_OVERFLOW').length, 2, full.err)
})

add('asks the next server where one is gone', async () => {
  const { out, code } = await run(['add', 'next', '--url', await deadUrl(), '--url', node.url])
  assert.equal([out, code], ['1\n', 0])
})

add.run()
