// deadline: 120 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ask, post, ServerLab } from '../lab.js'
import { endAll, type Ran, RunningNode, scratch, startArgs, tallymesh, until } from './cli-process.js'
import { commandsOf } from './command-line.js'
import { hasTerminal, onTerminal } from './terminal.js'

const dir = scratch()
const leave = suite('tallymesh leave')

leave.after(endAll)

/** Runs a command against a node, in this process. */
function on(node: RunningNode, args: readonly string[]): Promise<Ran> {
  return commandsOf(() => node)(args)
}

/** Nodes that are linked with each other. */
async function room(names: readonly string[], flags: readonly string[] = []): Promise<RunningNode[]> {
  const nodes: RunningNode[] = []
  for (const name of names) {
    const peers = nodes.flatMap(({ peer }) => ['--peer', peer])
    nodes.push(await RunningNode.start(name, dir, ['--room', names[0] as string, ...flags, ...peers]))
  }
  for (const node of nodes) await shows(node, rows => rows.filter(row => row.includes('up')).length === names.length)
  return nodes
}

function shows(node: RunningNode, rows: (rows: string[]) => boolean): Promise<void> {
  return until(`the members that ${node.name} shows`, async () => rows((await on(node, ['status'])).out.split('\n')))
}

leave('lets a node go for good: its counts stay, the others know, its directory is refused', async () => {
  const [a, b, c] = (await room(['a1', 'b1', 'c1'])) as [RunningNode, RunningNode, RunningNode]
  assert.is((await on(c, ['add', 'orders', '5'])).code, 0)
  const other = await on(a, ['leave', 'c1', '--yes'])
  assert.equal([other.code, /this node is called a1.*\(MEMBER_UNKNOWN\)/.test(other.err)], [3, true], other.err)
  const unasked = await on(c, ['leave', 'c1'])
  assert.equal([unasked.code, /add --yes/.test(unasked.err)], [2, true], unasked.err)
  if (hasTerminal) {
    const program = onTerminal(`$TALLYMESH leave c1 --url ${c.url}; echo code $?`)
    await program.says(/Let c1 leave its room for good, and end\? \[y\/N\]/)
    program.child.stdin?.write('no\r')
    assert.match((await program.ended()).out, /nothing was done[\s\S]*code 1/)
  }
  const left = await on(c, ['leave', 'c1', '--yes'])
  assert.equal([left.code, left.out], [0, 'c1 left the room; its counts stay\n'], left.err)
  const ended = await c.program.ended()
  assert.equal([ended.code, ended.err], [0, ''], ended.out)
  assert.match(ended.out, /leaving the room for good: not ready[\s\S]*left the room for good[\s\S]*closed: everything/)
  for (const node of [a, b]) {
    await shows(node, rows => !rows.some(row => row.startsWith('c1')))
    assert.is((await on(node, ['get', 'orders'])).out, '5\n')
  }
  const again = await tallymesh([...startArgs('c1', dir), '--room', 'a1', '--peer', a.peer])
  assert.is(again.code, 6, again.out + again.err)
  assert.match(again.err, /removed from the room for good, or left it.*empty data directory/)
  await Promise.all([a.stop(), b.stop()])
})

leave('happens at SIGTERM and SIGINT with --leave-on-sigterm', async () => {
  const flags = ['--leave-on-sigterm']
  const [a, b, c] = (await room(['a2', 'b2', 'c2'], flags)) as [RunningNode, RunningNode, RunningNode]
  assert.is((await on(c, ['add', 'orders', '2'])).code, 0)
  assert.is((await on(b, ['add', 'orders', '3'])).code, 0)
  assert.is((await c.stop('SIGTERM')).code, 0)
  await shows(a, rows => !rows.some(row => row.startsWith('c2')))
  const ended = await b.stop('SIGINT')
  assert.equal([ended.code, /SIGINT: leaving the room for good/.test(ended.out)], [0, true], ended.out)
  assert.is((await on(a, ['get', 'orders'])).out, '5\n')
  // Nobody is left: the counts must be somewhere.
  const alone = await a.stop('SIGTERM')
  assert.is(alone.code, 7, alone.out)
  assert.match(alone.out, /did not leave the room: no other member stays[\s\S]*draining[\s\S]*closed: everything/)
  const again = await RunningNode.start('a2', dir, ['--room', 'a2'])
  assert.is((await on(again, ['get', 'orders'])).out, '5\n')
  assert.is((await on(again, ['leave', 'a2', '--yes'])).code, 3)
  assert.is((await on(again, ['add', 'orders'])).out, '6\n')
  await again.stop()
})

leave('ends with exit code 7 while a member is away, and can be started again', async () => {
  const [a, b, c] = (await room(['a3', 'b3', 'c3'], ['--leave-timeout-ms', '300'])) as [
    RunningNode,
    RunningNode,
    RunningNode,
  ]
  assert.is((await on(c, ['add', 'orders', '5'])).code, 0)
  await b.stop()
  const left = await on(c, ['leave', 'c3', '--yes'])
  assert.equal([left.code, /still a member.* b3 \(.*\(LEAVE_TIMEOUT\)/.test(left.err)], [7, true], left.err)
  const ended = await c.program.ended()
  assert.is(ended.code, 7, ended.out)
  assert.match(ended.out, /did not leave the room: [\s\S]*closed: everything/)
  const again = await RunningNode.start('c3', dir, ['--room', 'a3', '--peer', a.peer])
  assert.is((await on(again, ['get', 'orders'])).out, '5\n')
  await Promise.all([a.stop(), again.stop()])
})

leave('is asked for over HTTP with JSON, and drains first', async () => {
  const lab = new ServerLab()
  try {
    const a = await lab.start('a')
    let leaving: Promise<void> | undefined
    const b = await lab.start('b', {
      ...{ peers: [a.node.url as string], drainMs: 300 },
      onLeaving: begun => {
        leaving = begun
      },
    })
    await until('they are linked', () => b.node.stats.links === 1)
    assert.is((await ask(b, '/v1/members/b/leave', { method: 'POST' })).status, 400)
    assert.is((await ask(b, '/v1/members/b/leave', { method: 'POST', body: '{}' })).status, 415)
    assert.is((await post(b, '/v1/members/a/leave', {})).status, 404)
    assert.is(leaving, undefined)
    const asked = post(b, '/v1/members/b/leave', {})
    await until('it drains', () => b.notReady?.reason === 'draining')
    assert.is((await post(b, '/v1/counters/orders', { add: 4 })).status, 200)
    assert.is((await asked).status, 204)
    await leaving
    await b.close()
    assert.equal([a.node.counter('orders').value, a.node.members().length], [4, 1])
    const refused = await post(a, '/v1/members/a/leave', {})
    assert.equal([refused.status, refused.json.code], [409, 'LEAVE_REFUSED'])
    assert.is((await post(a, '/v1/counters/orders', { add: 1 })).status, 200)
  } finally {
    await lab.close()
  }
})

leave.run()
