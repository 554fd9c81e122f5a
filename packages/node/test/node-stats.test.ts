import { MemoryDisk } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { frameStats } from '../src/node-stats.js'
import { agreed, inLab, meshed } from './lab.js'
import { until } from './wait.js'

const stats = suite('node-stats')

stats(
  'follow what is counted, held and linked',
  inLab(async lab => {
    const a = await lab.memory('a', { listen: { port: 0 } })
    assert.ok(a.caughtUp, 'nothing was configured to dial')
    await a.counter('orders').increment(3)
    await a.counter('stock').decrement()
    const alone = a.stats
    assert.equal([alone.keys, alone.slots, alone.logs, alone.links, alone.forks], [2, 2, 1, 0, 0])
    assert.equal([alone.replicaChanges, alone.behind, alone.pending, alone.commits], [0, 0, 0, 2])
    assert.equal(alone.frames, [])
    // The first commit carries the own member record, too.
    assert.is(alone.commitEntries, 3)
    assert.ok(alone.commitBytes > 0 && alone.structs > 0)
    const b = await lab.memory('b', { peers: [a.url as string] })
    await meshed(a, b)
    await b.counter('orders').increment()
    await agreed([a, b], 'orders', 4)
    await until('b caught up', () => b.caughtUp)
    assert.equal([b.stats.keys, b.stats.slots, b.stats.logs, b.stats.links, b.stats.behind], [2, 3, 2, 1, 0])
    b.counter('orders').increment()
    assert.is(b.stats.pending, 1)
    await until('it is in a batch', () => b.stats.pending === 0)
  }),
)

stats(
  'tell which ids nobody counts under any more, and what their fold waits for',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const listen = { port: 0 }
    const fast = { foldAfterMs: 0, foldGraceMs: 0 }
    const first = await lab.memory('a', { listen }, disk)
    const none = { retired: 0, claimed: 0, folding: 0, folded: 0, full: 0 }
    assert.equal(first.stats.folding, { states: none, retired: [], folded: 0, waitsFor: [], refused: 0, missed: 0 })
    const b = await lab.memory('b', { peers: [first.url as string] })
    await meshed(first, b)
    await first.counter('orders').increment(3)
    await b.counter('orders').increment(2)
    await agreed([first, b], 'orders', 5)
    await until('a knows that b was there', () => first.members().length === 2)
    const { replica } = first.stats
    await b.close()
    await first.close()
    // Without a witness it goes on under a fresh id.
    const a = await lab.memory('a', { listen, ...fast }, disk)
    await a.counter('orders').increment()
    await until('both ids are seen', () => a.stats.folding.retired.length === 2)
    const { states, retired, waitsFor, folded } = a.stats.folding
    assert.equal([states, waitsFor, folded], [{ ...none, retired: 2 }, ['b'], 0])
    assert.ok(retired.some(id => id.replica === replica && id.state === 'retired'))
    await a.removeMember('b')
    const c = await lab.memory('c', { peers: [a.url as string], ...fast })
    await c.counter('orders').increment()
    for (const node of [a, c]) {
      await until(
        'both ids are folded',
        () => node.stats.folding.folded === 2 && node.stats.folding.retired.length === 0,
      )
      assert.equal(node.stats.folding, { states: none, retired: [], folded: 2, waitsFor: [], refused: 0, missed: 0 })
    }
    await agreed([a, c], 'orders', 7)
  }),
)

stats('count kinds that nobody knows together', () => {
  const counted = [
    { direction: 'sent', kind: 1, frames: 1, bytes: 80 },
    { direction: 'sent', kind: 19, frames: 2, bytes: 40 },
    { direction: 'received', kind: 2, frames: 1, bytes: 30 },
    { direction: 'received', kind: 99, frames: 1, bytes: 5 },
    { direction: 'received', kind: 200, frames: 2, bytes: 10 },
  ] as const
  assert.equal(
    frameStats(counted).map(({ direction, kind, frames, bytes }) => `${direction} ${kind} ${frames} ${bytes}`),
    ['sent hello 1 80', 'sent ping 2 40', 'received refusal 1 30', 'received unknown 3 15'],
  )
})

stats.run()
