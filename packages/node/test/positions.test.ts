import { MemoryDisk } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { processHost } from '../src/host.js'
import { Positions } from '../src/positions.js'
import { inRoom } from './engine-room.js'
import { Gate } from './lab.js'
import { isPending, refusal, turn, until, within } from './wait.js'

const positions = suite('positions')

positions(
  'tells where acknowledged commits end, before their promises resolve',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const one = await room.open('a', { disk })
    assert.is(one.engine.position, '')
    await within('nothing is reached at once', one.engine.reached('', 0))
    gate.shut()
    const first = one.increment('x')
    await until('the write waits', () => gate.waiting === 1)
    assert.is(one.engine.position, '')
    const seen = first.then(() => one.engine.position)
    gate.open()
    const id = (disk.lastCommit?.replica ?? one.engine.replica.commits.replica)?.toString(16)
    assert.is(await seen, `${id}:${disk.lastCommit?.clock}`)
    await one.increment('x')
    assert.is(one.engine.position, `${id}:${disk.lastCommit?.clock}`)
  }),
)

positions(
  'names all own ids after a change',
  inRoom(async room => {
    const one = await room.open('a')
    await one.increment('x')
    const before = one.engine.position
    const id = one.engine.replica.commits.replica
    assert.ok(id)
    one.engine.replica.diverged(id, 'so the test wants', [])
    assert.is(one.engine.position, before)
    await one.increment('x')
    const parts = one.engine.position.split(',')
    assert.is(parts.length, 2)
    assert.is(parts[0], before)
    await within('it reached its own position', one.engine.reached(one.engine.position, 0))
  }),
)

positions(
  'waits for a peer, and shows every count once it is reached',
  inRoom(async room => {
    const [a, b] = [await room.open('a'), await room.open('b')]
    for (let i = 0; i < 20; i++) await a.increment('x')
    const { position } = a.engine
    assert.is((await refusal('they are not linked', b.engine.reached(position, 20))).code, 'NOT_CAUGHT_UP')
    assert.is((await refusal('nor at once', b.engine.reached(position, 0))).code, 'NOT_CAUGHT_UP')
    const reached = b.engine.reached(position, 10_000)
    assert.ok(await isPending(reached))
    room.link(a, b)
    await within('b takes it in', reached)
    assert.is(b.value('x'), 20)
    await a.increment('x')
    await within('live commits, too', b.engine.reached(a.engine.position, 10_000))
    assert.is(b.value('x'), 21)
    await within('the larger of two clocks', b.engine.reached(`${position},${a.engine.position}`, 10_000))
  }),
)

positions(
  'refuses what is no position',
  inRoom(async room => {
    const one = await room.open('a')
    const code = async (position: unknown, timeoutMs: unknown = 0) =>
      (await refusal('it', one.engine.reached(position as string, timeoutMs as number))).code
    const long = `${'a:1,'.repeat(3_000)}a:1`
    for (const bad of [',', 'a', 'a:', ':1', 'A:1', '0a:1', 'a:01', 'a:-1', 'a:1,', 'a:1;b:2', ' a:1', 'g:1', long]) {
      assert.is(await code(bad), 'INVALID_OPTION', bad.slice(0, 10))
    }
    for (const bad of ['a:9007199254740992', 'fffffffffffffff:1', '20000000000000:1', null, undefined, 5, {}]) {
      assert.is(await code(bad), 'INVALID_OPTION', String(bad))
    }
    for (const bad of [-1, 1.5, 600_001, '5']) assert.is(await code('', bad), 'INVALID_OPTION', String(bad))
    assert.is(await code('a:1'), 'NOT_CAUGHT_UP')
    await within('clock 0 is nothing', one.engine.reached('a:0', 0))
  }),
)

positions(
  'ends those who wait with the node',
  inRoom(async room => {
    const one = await room.open('a')
    const waiting = one.engine.reached('a:1', 10_000)
    one.engine.close()
    assert.is((await refusal('it waits in vain', waiting)).code, 'NODE_CLOSED')
    assert.is((await refusal('so do later ones', one.engine.reached('a:1', 10))).code, 'NODE_CLOSED')
  }),
)

positions('counts complete logs only, and bounds how many wait', async () => {
  const logs = new Map([[10, { clock: 5, complete: false }]])
  const held = new Positions(() => logs as never, processHost)
  const all = Array.from({ length: 10_000 }, () => held.reached('a:5', 10_000))
  assert.is((await refusal('one too many', held.reached('a:5', 10_000))).code, 'NOT_READY')
  logs.set(10, { clock: 4, complete: true })
  held.progressed()
  held.progressed()
  await turn()
  assert.ok(await isPending(all[0] as Promise<void>))
  logs.set(10, { clock: 5, complete: true })
  held.progressed()
  await within('all are woken', Promise.all(all))
  assert.is(
    (await refusal('before anything is loaded', new Positions(() => undefined, processHost).reached('a:1', 1))).code,
    'NOT_CAUGHT_UP',
  )
})

positions.run()
