import type { ReplicaId } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Checks } from './checks.js'
import { breaks, type Sample, StagedRoom } from './staged-room.js'

const test = suite('the checks of what nodes do')

test('a read is never above what was asked for', () => {
  const room = new StagedRoom(['stop'])
  room.read('b', 'k', 0)
  room.attempt('a', [['k', 5]])
  room.attempt('b', [['k', -2]])
  room.read('b', 'k', 5, 2)
  breaks('read-above', () => room.read('b', 'k', 6, 2))
  breaks('read-above', () => room.read('b', 'k', 5, 3))
  breaks('read-above', () => room.read('b', 'l', 1))
})

test('what was refused shows at most where it was taken in', () => {
  const room = new StagedRoom(['stop'])
  room.end(room.attempt('a', [['k', 5]]), 'NODE_CLOSED', 1, 0)
  room.read('a', 'k', 5)
  breaks('read-above', () => room.read('b', 'k', 5))
  room.kill('a')
  room.start('a')
  breaks('read-above', () => room.read('a', 'k', 5))
})

test('a read is never below what the node acknowledged, in this life or before', () => {
  const room = new StagedRoom(['rollback'])
  room.add('a', [['k', 5]])
  room.add('a', [['k', -1]], 1, 2)
  room.read('a', 'k', 5, 1)
  room.read('b', 'k', 0)
  breaks('read-below', () => room.read('a', 'k', 4, 1))
  breaks('read-below', () => room.read('a', 'k', 5, 0))
  room.kill('a')
  room.start('a')
  breaks('read-below', () => room.read('a', 'k', 0))
  room.kill('a')
  room.rollback('a')
  room.start('a', 'STORE_BEHIND')
  room.read('a', 'k', 0)
})

test('within a life no sum falls, but for what a failed disk took', () => {
  const room = new StagedRoom(['disk'])
  room.add('a', [['k', 1]])
  const open = room.attempt('a', [['k', 2]])
  room.read('a', 'k', 3)
  breaks('read-fell', () => room.read('a', 'k', 1))
  room.checks.recovering('a', room.life('a'))
  room.read('a', 'k', 3)
  room.read('a', 'k', 1)
  breaks('read-below', () => room.read('a', 'k', 0))
  room.end(open, 'INDETERMINATE')
  room.add('a', [['l', 1]], 1, 2)
  room.read('a', 'k', 3)
  breaks('read-fell', () => room.read('a', 'k', 1))
  room.kill('a')
  room.start('a')
  room.read('a', 'k', 1)
})

const CLOCK = { lo: 1, hi: 2 }

test('nothing leaves of the own log that is not on the disk', () => {
  const room = new StagedRoom()
  const log = 0x1234567890ab as ReplicaId
  room.add('a', [['k', 1]], log, 3)
  const clocks = (clock: number) => ({ type: 'clocks' as const, full: true, logs: [{ log, clock, ...CLOCK }] })
  room.send('a', clocks(3))
  breaks('sent-early', () => room.send('a', clocks(4)), /kind 16 of its log 1234567890ab up to 4; its disk holds 3/)
  // Others may know more of it, or say so.
  room.send('b', clocks(9))
  room.send('a', { type: 'clocks', full: false, logs: [{ log: 7 as ReplicaId, clock: 9, ...CLOCK }] })
})

test('a node shows by its heartbeat which log is its own', () => {
  const room = new StagedRoom()
  const log = 5 as ReplicaId
  const clocks = { type: 'clocks' as const, full: true, logs: [{ log, clock: 1, ...CLOCK }] }
  room.send('a', clocks)
  room.send('a', { type: 'ping', replica: 0, linked: [], ...CLOCK })
  room.send('a', clocks)
  room.send('a', { type: 'ping', replica: log, linked: [9 as ReplicaId], ...CLOCK })
  breaks('sent-early', () => room.send('a', clocks))
  assert.is(room.checks.figures.frames, 5)
})

test('a store confirms only what it holds', () => {
  for (const deep of [false, true]) {
    const room = new StagedRoom(['flip'], {}, deep)
    const { storeId } = room.disk('a')
    const other = room.disk('b').storeId
    const durable = (store: typeof storeId, clock: number) => ({
      type: 'durable' as const,
      marks: [{ store, log: 8 as ReplicaId, clock }],
    })
    room.disk('a').clocks.set(8, 5)
    room.send('a', durable(storeId, 0))
    room.send('a', durable(storeId, 5))
    room.send('a', durable(other, 99))
    breaks('confirmed-early', () => room.send('a', durable(storeId, 6)), /clock 6 of log 8; its disk holds 5/)
    room.disk('a').clocks.set(8, 7)
    room.disk('a').whole.set(8, 5)
    if (deep) breaks('confirmed-early', () => room.send('a', durable(storeId, 7)))
    else room.send('a', durable(storeId, 7))
  }
})

test('a frame that is not what it says is found', () => {
  const room = new StagedRoom()
  const { storeId, ...disk } = { disk: room.disk('a'), storeId: room.disk('a').storeId }
  const frame = { node: 'a', life: 1, store: storeId, ...disk, kind: 16, body: Uint8Array.of(1, 2, 7) }
  breaks('malformed', () => room.checks.sent(frame))
})

test('an id belongs to one node', () => {
  const room = new StagedRoom()
  room.add('a', [['k', 1]], 1, 1)
  breaks('id-shared', () => room.add('b', [['k', 2]], 1, 2), /counts under 1, which is an id of a/)
  const twin = new StagedRoom(['clone here'])
  twin.add('a', [['k', 1]], 1, 1)
  twin.add('b', [['k', 2]], 1, 2)
})

test('an id whose past the disk lost is not gone on with', () => {
  const resumed = (act: (room: StagedRoom) => void, ...reports: string[]) => {
    const room = new StagedRoom(['rollback', 'wipe', 'restore'])
    room.add('a', [['k', 1]], 1, 1)
    room.add('a', [['k', 2]], 1, 2)
    room.kill('a')
    act(room)
    room.start('a', ...reports)
    room.add('a', [['k', 4]], 1, 3)
  }
  resumed(() => {})
  resumed(room => room.rollback('a', { 1: 2 }))
  breaks('id-resumed', () => resumed(room => room.rollback('a', { 1: 1 }), 'STORE_BEHIND'))
  breaks('id-resumed', () => resumed(room => room.wipe('a'), 'STORE_WIPED'))
  breaks('id-resumed', () => resumed(room => room.checks.lost('power', 'a', room.disks)))
  resumed(room => room.rollback('a', { 1: 1 }, 'restore'))
  const booted = (boots: number) => (room: StagedRoom) => {
    room.checks.lost('power', 'a', room.disks)
    room.rollback('a', { 1: 1 }, 'restore', boots)
  }
  resumed(booted(1))
  breaks('id-resumed', () => resumed(booted(0)))
})

test('what a disk lost is reported, where the machine remembers it', () => {
  const staged = (sample: 'rollback' | 'clone here' | 'wipe') => {
    const room = new StagedRoom([sample])
    room.add('a', [['k', 1]], 1, 2)
    room.kill('a')
    return room
  }
  const behind = staged('rollback')
  behind.rollback('a', { 1: 1 })
  breaks('unreported', () => behind.start('a'), /did not report STORE_BEHIND/)
  const whole = staged('rollback')
  whole.rollback('a', { 1: 2 })
  whole.start('a')
  const twin = staged('clone here')
  twin.rollback('a', { 1: 1 })
  twin.start('a')
  const booted = staged('rollback')
  booted.rollback('a', { 1: 1 })
  booted.checks.lost('power', 'a', booted.disks)
  booted.start('a')
  const forgotten = staged('rollback')
  forgotten.checks.lost('power', 'a', forgotten.disks)
  forgotten.start('a')
  forgotten.kill('a')
  forgotten.rollback('a')
  forgotten.start('a')
  const empty = staged('wipe')
  empty.wipe('a')
  breaks('unreported', () => empty.start('a'), /did not report STORE_WIPED/)
  const emptyBooted = staged('wipe')
  emptyBooted.checks.lost('power', 'a', emptyBooted.disks)
  emptyBooted.wipe('a')
  emptyBooted.start('a')
})

test('no alarm without cause', () => {
  const founded: ReadonlyArray<readonly [code: string, cause: Sample]> = [
    ['FRAME_DAMAGED', 'damage'],
    ['FRAME_DAMAGED', 'repeat'],
    ['WRONG_PROTOCOL', 'lose'],
    ['WRONG_PROTOCOL', 'reorder'],
    ['FRAME_TOO_LARGE', 'damage'],
    ['STORE_WRITE_FAILED', 'disk'],
    ['STORE_UNUSABLE', 'disk'],
    ['WITNESS_UNAVAILABLE', 'clone here'],
    ['IDENTITY_CONTESTED', 'restore'],
    ['MEMBER_REMOVED', 'remove'],
    ['STORE_BEHIND', 'clone here'],
  ]
  for (const [code, cause] of founded) {
    causes(cause).report('a', code)
    breaks(`report-${code}`, () => causes('add').report('a', code), /life 1, reported .* without cause/)
  }
  for (const code of ['UPDATE_REFUSED', 'BATCH_DAMAGED', 'STORE_LOCKED', 'WITNESS_STUCK', 'WRONG_ROOM']) {
    breaks(`report-${code}`, () => causes('damage', 'disk', 'restore', 'flip', 'clone here').report('a', code))
  }
  causes('add').report('a', 'PEER_SLOW')
  breaks('report-STORE_WRITE_FAILED', () =>
    causes('disk').report('a', 'STORE_WRITE_FAILED', 'an unexpected failure: x'),
  )
})

function causes(...samples: readonly Sample[]): StagedRoom {
  return new StagedRoom(samples)
}

test('alarms about disks need a disk that something happened to', () => {
  const all = ['flip', 'rollback', 'wipe', 'restore'] as const
  for (const code of ['LOG_DAMAGED', 'STORE_CORRUPT', 'STORE_BEHIND', 'STORE_WIPED']) {
    breaks(`report-${code}`, () => new StagedRoom(all).report('a', code))
  }
  const room = new StagedRoom(all)
  room.checks.lost('flip', 'b', room.disks)
  room.report('a', 'LOG_DAMAGED')
  room.rollback('c')
  room.report('c', 'STORE_BEHIND')
  breaks('report-STORE_BEHIND', () => room.report('a', 'STORE_BEHIND'))
  room.wipe('c')
  room.report('c', 'STORE_WIPED')
  breaks('report-STORE_WIPED', () => room.report('a', 'STORE_WIPED'))
})

test('forks need a process that was set back, or a copied disk', () => {
  new StagedRoom(['restore']).fork('b', 1)
  new StagedRoom(['clone', 'rollback']).fork('b', 1)
  breaks('report-LOG_FORKED', () => new StagedRoom(['rollback']).fork('b', 1))
  breaks('report-LOG_FORKED', () => new StagedRoom(['clone']).fork('b', 1))
  breaks('observation', () => new StagedRoom(['restore']).report('b', 'LOG_FORKED', 'which id?'))
})

test('only a release that knows less refuses a batch', () => {
  new StagedRoom(['add'], { b: 1 }).report('b', 'BATCH_UNSUPPORTED')
  breaks('report-BATCH_UNSUPPORTED', () => new StagedRoom().report('b', 'BATCH_UNSUPPORTED'))
})

test('without a plan, anything may have been done', () => {
  const spec = { nodes: ['a'], heartbeatMs: 1, antiEntropyMs: 1, delayMs: [1, 1], syncMs: [1, 1], keys: [] } as const
  const room = new StagedRoom()
  const checks = new Checks({ room: { ...spec, distinct: false } }, { deep: false })
  Object.assign(room, { checks })
  for (const code of ['FRAME_DAMAGED', 'STORE_WRITE_FAILED', 'MEMBER_REMOVED']) room.report('a', code)
  breaks('report-UPDATE_REFUSED', () => room.report('a', 'UPDATE_REFUSED'))
})

test('no call ends badly without cause', () => {
  const end = (samples: readonly Sample[], code: string, act?: (room: StagedRoom) => void) => {
    const room = new StagedRoom(samples)
    act?.(room)
    room.end(room.attempt('a', [['k', 1]]), code, 1, 0)
  }
  for (const code of ['NOT_READY', 'NODE_CLOSED', 'INDETERMINATE', 'NOT_REPLICATED', 'COUNTER_OVERFLOW']) {
    breaks(`ended-${code}`, () => end(['add'], code), /operation 1 .* without cause/)
  }
  end(['stop'], 'NODE_CLOSED')
  end(['stop'], 'INDETERMINATE')
  end(['disk'], 'INDETERMINATE', room => room.checks.recovering('a', 1))
  end(['disk'], 'NOT_READY', room => room.checks.recovering('a', 1))
  end(['restore'], 'NOT_READY', room => room.report('a', 'IDENTITY_CONTESTED'))
  breaks('ended-NOT_READY', () => end(['disk'], 'NOT_READY', room => room.checks.recovering('b', 1)))
})

test('before a process is ready it may refuse', () => {
  const room = new StagedRoom()
  room.kill('a')
  const early = { id: 90, node: 'a', life: 2, entries: [{ key: 'k', amount: 1 }], replicas: 1 }
  room.checks.attempted(early)
  room.start('a')
  room.end(early, 'NOT_READY', 1, 0)
})

test('a slot overflows only where that much was counted', () => {
  const room = new StagedRoom()
  room.add('a', [['k', Number.MAX_SAFE_INTEGER - 2]])
  room.end(room.attempt('a', [['k', 3]]), 'COUNTER_OVERFLOW', 1, 0)
  breaks('ended-COUNTER_OVERFLOW', () => room.end(room.attempt('a', [['k', 2]]), 'COUNTER_OVERFLOW', 1, 0))
  breaks('ended-COUNTER_OVERFLOW', () => room.end(room.attempt('a', [['k', -3]]), 'COUNTER_OVERFLOW', 1, 0))
})

test('what is acknowledged has a place in a log', () => {
  const room = new StagedRoom()
  breaks('no-position', () => room.end(room.attempt('a', [['k', 1]]), 'ok', 1, 0))
})

test.run()
