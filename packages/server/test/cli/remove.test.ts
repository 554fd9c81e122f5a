// deadline: 300 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { endAll, RunningNode, scratch } from './cli-process.js'
import { hasTerminal, onTerminal } from './terminal.js'

const dir = scratch()
let a: RunningNode
let b: RunningNode
const remove = suite('tallymesh remove')

remove.before(async () => {
  a = await RunningNode.start('a', dir)
  b = await RunningNode.start('b', dir, ['--peer', a.peer])
  await b.run(['add', 'orders', '3', '--replicas', '2'])
})
remove.after(endAll)

remove('refuses who is up or unknown, and does not ask where there is no terminal', async () => {
  const up = await a.run(['remove', 'b', '--yes'])
  assert.equal([up.code, /\(MEMBER_UP\)/.test(up.err)], [3, true], up.err)
  const unknown = await a.run(['remove', 'x/../y', '--yes'])
  assert.equal([unknown.code, /\(MEMBER_UNKNOWN\)/.test(unknown.err)], [3, true], unknown.err)
  const unasked = await a.run(['remove', 'b'])
  assert.equal([unasked.code, /add --yes/.test(unasked.err)], [2, true], unasked.err)
})

remove('asks on a terminal, and takes only yes for yes', async () => {
  await b.stop('SIGKILL')
  await a.shows(/^b +down/m)
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
  const status = await a.run(['status'])
  assert.match(status.out, /^b +down/m, status.out + status.err)
  assert.match(await asked('yes\r'), /b was taken out of the room; its counts stay[\s\S]*code 0/)
})

remove('takes out without asking, by store id', async () => {
  const c = await RunningNode.start('c', dir, ['--peer', a.peer])
  await c.run(['add', 'orders', '--replicas', '2'])
  await c.stop('SIGKILL')
  await a.shows(/^c +down/m)
  const { members } = JSON.parse((await a.run(['status', '--json'])).out)
  const { store } = members.find(({ name }: { name: string }) => name === 'c')
  const { code, out } = await a.run(['remove', store, '--yes'])
  assert.equal([code, out], [0, `${store} was taken out of the room; its counts stay\n`])
  assert.not.match((await a.run(['status'])).out, /^c /m)
  assert.is((await a.run(['get', 'orders'])).out, '4\n')
})

remove.run()
