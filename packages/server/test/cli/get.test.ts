import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TallymeshServer } from '../../src/server.js'
import { ServerLab } from '../lab.js'
import { tallymesh } from './cli-process.js'
import { commandsOf } from './command-line.js'
import { OddServer } from './odd-server.js'

const lab = new ServerLab()
let node: TallymeshServer
const run = commandsOf(() => node)
const get = suite('tallymesh get')

get.before(async () => {
  node = await lab.start('a')
})
get.after(() => lab.close())

get('prints one value alone, several as a table, and JSON a line each', async () => {
  await run(['add', 'orders', '3'])
  await run(['add', 'orders', '-1'])
  assert.is((await tallymesh(['get', 'orders', '--url', node.url])).out, '2\n')
  assert.is((await run(['get', 'never'])).out, '0\n')
  assert.is((await run(['get', 'orders', '..'])).out, 'KEY     VALUE\norders      2\n..          0\n')
  const json = (await run(['get', 'orders', 'x{b="1",a="2"}', '--json'])).out.trim().split('\n')
  assert.equal(
    json.map(line => JSON.parse(line)),
    [
      { key: 'orders', value: 2, increments: 3, decrements: 1 },
      { key: 'x{a="2",b="1"}', value: 0, increments: 0, decrements: 0 },
    ],
  )
})

get('asks on where something other than a server answers, and says so in the end', async () => {
  const odd = await OddServer.start({ status: 200 })
  assert.is((await run(['get', 'orders', '--url', `${odd.url},${node.url}`])).out, '2\n')
  const { code, err } = await run(['get', 'orders', '--url', odd.url, '--timeout-ms', '300'])
  assert.is(code, 4, err)
  odd.close()
})

get.run()
