import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TallymeshServer } from '../../src/server.js'
import { ServerLab, until } from '../lab.js'
import { endAll, tallymesh } from './cli-process.js'
import { commandsOf } from './command-line.js'
import { hasTerminal, onTerminal } from './terminal.js'

const lab = new ServerLab()
let a: TallymeshServer
let b: TallymeshServer
const run = commandsOf(() => a)
const remove = suite('tallymesh remove')

remove.before(async () => {
  a = await lab.start('a')
  b = await lab.start('b', { peers: [a.node.url as string] })
  await run(['add', 'orders', '3', '--replicas', '2', '--url', b.url])
})
remove.after(async () => {
  await endAll()
  await lab.close()
})

function shows(pattern: RegExp): Promise<void> {
  return until(`its status shows ${pattern}`, async () => pattern.test((await run(['status'])).out))
}

remove('refuses who is up or unknown, and does not ask where there is no terminal', async () => {
  const up = await run(['remove', 'b', '--yes'])
  assert.equal([up.code, /\(MEMBER_UP\)/.test(up.err)], [3, true], up.err)
  const unknown = await run(['remove', 'x/../y', '--yes'])
  assert.equal([unknown.code, /\(MEMBER_UNKNOWN\)/.test(unknown.err)], [3, true], unknown.err)
  const unasked = await tallymesh(['remove', 'b', '--url', a.url])
  assert.equal([unasked.code, /add --yes/.test(unasked.err)], [2, true], unasked.err)
})

remove('asks on a terminal, and takes only yes for yes', async () => {
  await b.close()
  await shows(/^b +down/m)
  if (!hasTerminal) return console.log('SKIP: script (util-linux) is not installed')
  const asked = async (typed: string) => {
    const program = onTerminal(`$TALLYMESH remove b --url ${a.url}; echo code $?`)
    await program.says(/Take b \((?:down|suspect), store [0-9a-f]+\) out of[\s\S]*\[y\/N\]/)
    program.child.stdin?.write(typed)
    return (await program.ended()).out
  }
  assert.match(await asked('\r'), /nothing was removed[\s\S]*code 1/)
  assert.match(await asked('no\r'), /nothing was removed[\s\S]*code 1/)
  assert.match(await asked('\x03'), /code 130/)
  const status = await run(['status'])
  assert.match(status.out, /^b +down/m, status.out + status.err)
  assert.match(await asked('yes\r'), /b was taken out of the room; its counts stay[\s\S]*code 0/)
})

remove('takes out without asking, by store id', async () => {
  const c = await lab.start('c', { peers: [a.node.url as string] })
  await run(['add', 'orders', '--replicas', '2', '--url', c.url])
  await c.close()
  await shows(/^c +down/m)
  const { members } = JSON.parse((await run(['status', '--json'])).out)
  const { store } = members.find(({ name }: { name: string }) => name === 'c')
  const { code, out } = await tallymesh(['remove', store, '--yes', '--url', a.url])
  assert.equal([code, out], [0, `${store} was taken out of the room; its counts stay\n`])
  assert.not.match((await run(['status'])).out, /^c /m)
  assert.is((await run(['get', 'orders'])).out, '4\n')
})

remove.run()
