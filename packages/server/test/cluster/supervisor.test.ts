import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startCommand } from '../../src/cluster/supervisor.js'
import { describe, isError } from '../../src/cluster/supervisor-event.js'
import { until } from '../../src/cluster/until.js'
import { inRoom } from './supervised-room.js'

const test = suite('supervisor')
const DEADLINE_MS = 20_000
const quick = { probeTimeoutMs: 200, hangMs: 400, hangAloneMs: 1_500 }

test(
  'a killed process is started again, and how long it was away is said',
  inRoom(['a', 'b'], {}, async room => {
    await room.start()
    const { supervisor } = room
    const a = supervisor.node('a')
    const { pid } = a
    a.signal('SIGKILL')
    await room.reported('a', 'ready', 2)
    assert.is(a.generation, 1)
    assert.is.not(a.pid, pid)
    assert.is(supervisor.node('b').generation, 0)
    const sentences = room.events.filter(({ node }) => node === 'a').map(describe)
    assert.match(
      sentences.join('\n'),
      /a is gone: SIGKILL\na starts again in \d+ ms\na started as process \d+, start 2\na is ready again: it was away for /,
    )
    assert.ok(a.awayMs > 0 && a.readyMs >= a.noticedMs)
    const [restarting] = room.of('a', 'restarting')
    assert.ok(restarting?.type === 'restarting' && restarting.waitMs <= 100)
  }),
)

test(
  'what is to come between an end and the next start comes there, once',
  inRoom(['a'], {}, async room => {
    await room.start()
    const a = room.supervisor.node('a')
    const seen: unknown[] = []
    a.beforeStart = async () => {
      seen.push(a.pid, a.generation, a.phase)
    }
    a.signal('SIGKILL')
    await room.reported('a', 'ready', 2)
    a.beforeStart = async () => {
      throw new Error('no disk')
    }
    a.signal('SIGKILL')
    await room.reported('a', 'ready', 3)
    assert.equal(seen, [undefined, 0, 'down'])
    const [trouble] = room.of('a', 'trouble')
    assert.match(trouble?.type === 'trouble' ? trouble.text : '', /no disk/)
  }),
)

test(
  'a frozen process whose peers miss it is killed and started again',
  inRoom(['a', 'b', 'c'], { limits: { ...quick, hangAloneMs: 60_000, answerMaxMs: 60_000 } }, async room => {
    await room.start()
    const [a, b, c] = room.supervisor.nodes
    assert.ok(a && b && c)
    await room.ask(b, '/sees/a/suspect')
    await room.ask(c, '/sees/a/down')
    a.signal('SIGSTOP')
    await room.reported('a', 'ready', 2)
    assert.match(
      room.of('a', 'hung').map(describe).join(),
      /a hangs \(no answer for [\d.]+ s, and 2 of 2 peers miss it too\): SIGKILL to process \d+/,
    )
    assert.is(room.of('a', 'ended').length, 0)
  }),
)

test(
  'a process that does not answer while its peers hear from it is left alone, until that takes too long',
  inRoom(['a', 'b', 'c'], { limits: { ...quick, hangAloneMs: 300, answerMaxMs: 3_000 } }, async room => {
    await room.start()
    const [a, b, c] = room.supervisor.nodes
    assert.ok(a && b && c)
    for (const node of [b, c]) await room.ask(node, '/sees/a/up')
    await room.ask(a, '/be/silent')
    await room.reported('a', 'hung')
    const [hung] = room.of('a', 'hung')
    const found = hung?.type === 'hung' ? /no answer for ([\d.]+) s$/.exec(hung.finding) : null
    assert.ok(Number(found?.[1]) >= 3, JSON.stringify(hung))
  }),
)

test(
  'alone, silence is enough after a longer time',
  inRoom(['a'], { limits: quick }, async room => {
    await room.start()
    room.supervisor.node('a').signal('SIGSTOP')
    await room.reported('a', 'ready', 2)
    assert.match(room.of('a', 'hung').map(describe).join(), /and no peer to ask/)
  }),
)

test(
  'a node that is not ready is no hung one: the reason is told, nothing is killed',
  inRoom(['a', 'b'], { limits: quick }, async room => {
    await room.start()
    const [a, b] = room.supervisor.nodes
    assert.ok(a && b)
    await room.ask(b, '/sees/a/down')
    await room.ask(a, '/be/lagging')
    await room.reported('a', 'not-ready')
    assert.is(a.phase, 'not ready')
    await room.ask(a, '/be/ready')
    await room.reported('a', 'serving-again')
    assert.is(a.phase, 'ready')
    assert.is(a.generation, 0)
    assert.match(room.of('a', 'not-ready').map(describe).join(), /a is not ready: lagging \(far behind\)/)
  }),
)

test(
  'a process that never stays is given up, loudly, and the others go on',
  inRoom(['a', 'b'], { limits: { restartsMax: 3 } }, async room => {
    await room.start()
    const [a, b] = room.supervisor.nodes
    assert.ok(a && b)
    Object.assign(a.spec, { env: { STUB_MODE: 'crash' } })
    a.signal('SIGKILL')
    await room.reported('a', 'given-up')
    const [event] = room.of('a', 'given-up')
    assert.ok(event && isError(event))
    assert.match(
      describe(event),
      /a is given up: it ended 3 times within 60\.0 s; it said: Error: a cannot open its directory/,
    )
    assert.is(b.phase, 'ready')
    assert.equal(room.supervisor.givenUp, [a])
  }),
)

for (const [exit, why] of [
  [2, 'its settings are refused'],
  [6, 'its data directory cannot be used'],
] as const) {
  test(
    `a node that ends with ${exit} before it ever ran is given up at once`,
    inRoom(['a'], { env: { STUB_MODE: `exit-${exit}` } }, async room => {
      await room.start()
      const a = room.supervisor.node('a')
      assert.is(a.phase, 'given up')
      assert.is(a.generation, 0)
      const [event] = room.of('a', 'given-up')
      assert.is(
        event && describe(event),
        `a is given up: ${why} (exit code ${exit}), and another start would not change that; it said: tallymesh start: a may not start (STUB)`,
      )
    }),
  )
}

test(
  'a directory that is locked for a moment after a kill is tried again; a node that ran and cannot any more is given up',
  inRoom(['a', 'b'], {}, async room => {
    await room.start()
    const [a, b] = room.supervisor.nodes
    assert.ok(a && b)
    Object.assign(a.spec, { env: { STUB_MODE: 'exit-6' } })
    a.signal('SIGKILL')
    await room.reported('a', 'ended', 3)
    Object.assign(a.spec, { env: {} })
    await room.reported('a', 'ready', 2)
    Object.assign(a.spec, { env: { STUB_MODE: 'exit-2' } })
    const rolling = room.supervisor.rollingRestart(5_000, DEADLINE_MS)
    await refused(rolling, /a is given up/)
    assert.match(room.of('a', 'given-up').map(describe).join(), /its settings are refused \(exit code 2\)/)
    assert.is(b.generation, 0)
  }),
)

test(
  'a directory that is locked for a moment after a planned end is tried again, too',
  inRoom(['a'], {}, async room => {
    await room.start()
    const a = room.supervisor.node('a')
    Object.assign(a.spec, { env: { STUB_MODE: 'exit-6' } })
    const rolling = room.supervisor.rollingRestart(5_000, DEADLINE_MS)
    await room.reported('a', 'ended', 3)
    Object.assign(a.spec, { env: {} })
    await rolling
    assert.is(room.of('a', 'given-up').length, 0)
  }),
)

test(
  'warnings of a process are passed on; all that it says is in its log',
  inRoom(['a'], {}, async room => {
    await room.start()
    const a = room.supervisor.node('a')
    await room.ask(a, '/be/warn')
    await room.reported('a', 'said')
    assert.match(room.of('a', 'said').map(describe).join(), /a says \(warn\): the disk is slow/)
    await room.supervisor.stop(5_000)
    assert.match(readFileSync(join(room.dir, 'a.log'), 'utf8'), /the disk is slow.*ends as asked/s)
    assert.is(a.phase, 'stopped')
  }),
)

test(
  'a rolling restart takes one node at a time',
  inRoom(['a', 'b', 'c'], {}, async room => {
    await room.start()
    await room.supervisor.rollingRestart(5_000, DEADLINE_MS)
    const { nodes } = room.supervisor
    assert.equal(
      nodes.map(({ generation }) => generation),
      [1, 1, 1],
    )
    const order = room.events.filter(({ type }) => type === 'draining' || type === 'ready').slice(3)
    assert.equal(
      order.map(({ node, type }) => `${node} ${type}`),
      ['a draining', 'a ready', 'b draining', 'b ready', 'c draining', 'c ready'],
    )
    assert.is(room.events.filter(({ type }) => type === 'restarting').length, 0)
  }),
)

test(
  'only one rolling restart at a time; one that meets a node that stays away ends',
  inRoom(['a', 'b'], {}, async room => {
    await room.start()
    const [a, b] = room.supervisor.nodes
    assert.ok(a && b)
    Object.assign(a.spec, { env: { STUB_MODE: 'lagging' } })
    const rolling = room.supervisor.rollingRestart(5_000, 1_500)
    assert.ok(room.supervisor.rolling)
    await refused(room.supervisor.rollingRestart(0, 0), /under way already/)
    await refused(rolling, /waited 1.5 s for a to be ready again/)
    assert.is(b.generation, 0)
  }),
)

test(
  'what does not end when asked is killed after the grace',
  inRoom(['a', 'b'], {}, async room => {
    await room.start()
    const [a, b] = room.supervisor.nodes
    assert.ok(a && b)
    await room.ask(a, '/be/stubborn')
    b.signal('SIGSTOP')
    await room.supervisor.stop(1_000)
    assert.match(room.of('a', 'stopped').map(describe).join(), /a has stopped \(SIGKILL\)/)
    assert.match(room.of('b', 'stopped').map(describe).join(), /b has stopped \(exit code 0\)/)
  }),
)

test(
  'a program that cannot be started is given up, too',
  inRoom(['a'], { command: () => ['/nowhere/node'], limits: { restartsMax: 2 } }, async room => {
    room.supervisor.start()
    await room.reported('a', 'given-up')
    assert.match(
      room.of('a', 'ended').map(describe).join(),
      /it could not be started; it said: spawn \/nowhere\/node ENOENT/,
    )
  }),
)

test(
  'a name that it does not run is refused',
  inRoom(['a'], {}, async room => {
    assert.throws(() => room.supervisor.node('z'), /there is no node called z/)
    await refused(
      until('never', () => false, 30),
      /waited 0.03 s for never/,
    )
  }),
)

test('a node is started by tallymesh start', () => {
  const spec = {
    name: 'a',
    host: '127.0.0.1',
    port: 7001,
    dataDir: '/data/a',
    peers: ['ws://127.0.0.1:7002'],
    flags: ['--room', 'shop'],
  }
  const [node, program = '', ...args] = startCommand(spec)
  assert.is(node, process.execPath)
  assert.ok(existsSync(program), program)
  assert.is(
    args.join(' '),
    'start --name a --data /data/a --listen 127.0.0.1:7001 --peer ws://127.0.0.1:7002 --room shop',
  )
})

async function refused(promise: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (error: Error) => error,
  )
  assert.match(error?.message ?? 'nothing was refused', message)
}

test.run()
