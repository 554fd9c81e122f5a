import { replicaId } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { breaks, StagedDisk, StagedRoom } from './staged-room.js'

const test = suite('the checks of losses')

test('what only the lost disk held may be missing', () => {
  for (const shared of [false, true]) {
    const room = new StagedRoom(['rollback'])
    room.add('a', [['k', 1]])
    room.add('a', [['k', 2]], 1, 2)
    if (shared) room.disk('b').clocks.set(1, 2)
    room.kill('a')
    room.rollback('a', { 1: 1 })
    room.start('a', 'STORE_BEHIND')
    room.finish({ k: 3 })
    if (shared) breaks('lost', () => room.finish({ k: 1 }))
    else room.finish({ k: 1 })
    assert.is(room.checks.figures.missing, shared ? 0 : 1)
    breaks('lost', () => room.finish({ k: 2 }), /operation 1/)
    breaks('doubled', () => room.finish({ k: 5 }), /operation 2/)
  }
})

test('a log that is held in part holds nothing', () => {
  const room = new StagedRoom(['wipe'])
  room.add('a', [['k', 1]], 1, 5)
  room.disk('b').clocks.set(1, 5)
  room.disk('b').whole.set(1, 4)
  room.kill('a')
  room.wipe('a')
  room.start('a', 'STORE_WIPED')
  room.finish({})
})

test('of what is folded nothing but a log that folded it holds what it counted, once one of them was damaged', () => {
  const folder = replicaId(9)
  for (const held of ['older', 'whole', 'said anew'] as const) {
    const room = new StagedRoom(['wipe', 'flip'])
    room.add('a', [['k', 1]], 1, 5)
    room.disk('b').clocks.set(1, 5)
    room.disk('c').folds.set(folder, { ids: [1], flipped: true })
    if (held === 'whole') room.disk('b').folds.set(folder, { ids: [1], flipped: false })
    room.checks.lost('flip', 'c', room.disks)
    if (held === 'said anew') room.disk('b').folds.set(replicaId(10), { ids: [1], flipped: false })
    room.kill('a')
    room.wipe('a')
    room.start('a', 'STORE_WIPED')
    room.finish({ k: 1 })
    if (held === 'whole') breaks('lost', () => room.finish({}))
    else room.finish({})
  }
})

test('one lost disk takes nothing that two stores confirmed', () => {
  const room = () => {
    const staged = new StagedRoom(['wipe'])
    staged.disk('b').clocks.set(1, 1)
    staged.add('a', [['k', 1]], 1, 1, 2)
    // What b confirmed is not there any more.
    staged.disk('b').clocks.clear()
    staged.kill('a')
    staged.wipe('a')
    staged.start('a', 'STORE_WIPED')
    return staged
  }
  breaks('lost', () => room().finish({}))
  room().finish({ k: 1 })
  const again = room()
  again.kill('a')
  again.wipe('a')
  again.start('a', 'STORE_WIPED')
  breaks('lost', () => again.finish({}), /were missing/)
  again.kill('b')
  again.wipe('b')
  again.start('b', 'STORE_WIPED')
  again.finish({})
})

test('a majority of three is two', () => {
  const room = (lost: number) => {
    const staged = new StagedRoom(['wipe'])
    staged.disk('c').clocks.set(1, 1)
    staged.add('a', [['k', 1]], 1, 1, 'majority')
    staged.disk('c').clocks.clear()
    for (const node of ['a', 'b'].slice(0, lost)) {
      staged.kill(node)
      staged.wipe(node)
      staged.start(node, 'STORE_WIPED')
    }
    return staged
  }
  breaks('lost', () => room(1).finish({}))
  room(2).finish({})
})

test('who asked for several stores is told of success once so many hold it', () => {
  const room = new StagedRoom(['wipe', 'flip'])
  breaks('too-few-stores', () => room.add('a', [['k', 1]], 1, 1, 2), /acknowledged, and 1 stores of 2 hold clock 1/)
  room.disk('b').clocks.set(1, 4)
  room.add('a', [['k', 2]], 1, 4, 2)
  // What was acknowledged before is no sign: this one lies behind it.
  const later = room.attempt('a', [['k', 4]], 'majority', 4)
  breaks('too-few-stores', () => room.end(later, 'ok', 1, 5), /hold clock 5/)
  // A part of a log is not the log.
  const parted = room.attempt('a', [['k', 8]], 2, 5)
  room.disk('b').clocks.set(1, 6)
  room.disk('b').whole.set(1, 5)
  breaks('too-few-stores', () => room.end(parted, 'ok', 1, 6))
  // Who lost its disk since may have held it.
  const lost = room.attempt('a', [['k', 16]], 2, 6)
  room.kill('b')
  room.wipe('b')
  room.start('b', 'STORE_WIPED')
  room.end(lost, 'ok', 1, 7)
  // Also twice, as another store each time.
  const again = room.attempt('a', [['l', 2]], 3, 7)
  for (let times = 0; times < 2; times++) {
    room.kill('c')
    room.wipe('c')
    room.start('c', 'STORE_WIPED')
  }
  room.end(again, 'ok', 1, 8)
  // A copy is the same store.
  room.disks.set('d', Object.assign(new StagedDisk(room.disk('a').storeId), { clocks: room.disk('a').clocks }))
  const copied = room.attempt('a', [['k', 32]], 2, 8)
  breaks('too-few-stores', () => room.end(copied, 'ok', 1, 9))
  // A failed write takes back what was formed.
  const formed = room.attempt('a', [['l', 1]], 2, 9)
  room.checks.recovering('a', 1)
  room.end(formed, 'ok', 1, 9)
  // Under another id nobody knows where it was written.
  room.end(room.attempt('a', [['k', 64]], 2, 8), 'ok', 2, 1)
})

test('what was confirmed in vain is held by one disk', () => {
  const room = new StagedRoom(['wipe'])
  room.end(room.attempt('a', [['k', 1]], 2), 'NOT_REPLICATED')
  room.kill('a')
  room.wipe('a')
  room.start('a', 'STORE_WIPED')
  room.finish({})
})

test('what came back to a disk is held by it, and lost with it again', () => {
  const room = new StagedRoom(['wipe'])
  room.add('a', [['k', 1]])
  room.disk('b').clocks.set(1, 1)
  room.kill('a')
  room.wipe('a')
  room.disk('a').clocks.set(1, 1)
  room.kill('b')
  room.wipe('b')
  breaks('lost', () => room.finish({}))
  room.wipe('a')
  room.finish({})
})

test('power loss takes nothing that was acknowledged', () => {
  const room = () => {
    const staged = new StagedRoom()
    staged.add('a', [['k', 1]], 1, 5)
    staged.kill('a')
    return staged
  }
  room().checks.lost('power', 'a', room().disks)
  const kept = room()
  kept.checks.lost('power', 'a', kept.disks)
  breaks('lost', () => kept.finish({}))
  const gone = room()
  gone.disk('a').clocks.set(1, 4)
  breaks(
    'acknowledged-gone',
    () => gone.checks.lost('power', 'a', gone.disks),
    /up to 5 .* its disk holds 4 after power/,
  )
})

test('at rest, a disk holds what its node acknowledged', () => {
  const room = new StagedRoom()
  room.add('a', [['k', 1]], 1, 5)
  room.finish({ k: 1 })
  room.disk('a').clocks.set(1, 4)
  breaks('acknowledged-gone', () => room.finish({ k: 1 }), /at rest/)
})

test('two histories of an id may swallow what was acknowledged under it, and nothing else', () => {
  const room = new StagedRoom(['restore'])
  room.add('a', [['k', 1]])
  room.add('a', [['k', 2]], 1, 2)
  room.add('b', [['k', 4]], 2, 1)
  room.disk('b').clocks.set(1, 2)
  room.kill('a')
  room.rollback('a', { 1: 1 }, 'restore')
  room.start('a')
  room.add('a', [['k', 8]], 1, 2)
  breaks('lost', () => room.finish({ k: 13 }), /operation 2/)
  room.fork('b', 1)
  for (const k of [13, 7, 15]) room.finish({ k })
  breaks('lost', () => room.finish({ k: 11 }), /operation 3/)
  breaks('doubled', () => room.finish({ k: 4 + 2 * 8 }))
})

test('after a restore, who holds an id up to a clock may hold another history', () => {
  const room = new StagedRoom(['restore', 'wipe'])
  room.add('a', [['k', 1]])
  room.add('a', [['k', 2]], 1, 2)
  room.disk('b').clocks.set(1, 2)
  room.kill('a')
  room.rollback('a', { 1: 1 }, 'restore')
  room.start('a')
  room.add('a', [['k', 4]], 1, 2)
  room.kill('b')
  room.wipe('b')
  room.start('b', 'STORE_WIPED')
  room.finish({ k: 5 })
  breaks('lost', () => room.finish({ k: 1 }), /operation 3/)
  room.kill('a')
  room.wipe('a')
  room.start('a', 'STORE_WIPED')
  room.finish({})
})

test('a flipped bit may take what no other disk holds, but not in silence', () => {
  const room = (shared: boolean) => {
    const staged = new StagedRoom(['flip', 'wipe'])
    staged.add('a', [['k', 1]])
    const open = staged.attempt('a', [['k', 2]])
    if (shared) staged.disk('b').clocks.set(1, 1)
    staged.disk('a').whole.set(1, 0)
    staged.checks.lost('flip', 'a', staged.disks)
    staged.end(open, 'ok', 1, 2)
    staged.add('a', [['k', 4]], 1, 3)
    staged.kill('a')
    return staged
  }
  const silent = room(false)
  silent.start('a')
  silent.finish({ k: 7 })
  breaks('silent', () => silent.finish({ k: 6 }), /operation 1 .* never reported/)
  breaks('silent', () => silent.finish({ k: 5 }), /operation 2 .* never reported/)
  breaks('lost', () => silent.finish({ k: 3 }), /operation 3/)
  const told = room(false)
  told.start('a', 'STORE_CORRUPT', 'LOG_DAMAGED')
  told.finish({ k: 4 })
  const elsewhere = room(true)
  elsewhere.start('a', 'LOG_DAMAGED')
  breaks('lost', () => elsewhere.finish({ k: 4 }), /operation 1/)
  elsewhere.kill('b')
  elsewhere.wipe('b')
  elsewhere.finish({ k: 4 })
  const wiped = room(false)
  wiped.wipe('a')
  wiped.start('a', 'STORE_WIPED')
  wiped.finish({})
})

test('what a flipped bit left readable stays', () => {
  const room = new StagedRoom(['flip'])
  room.add('a', [['k', 1]], 1, 1)
  room.add('a', [['k', 2]], 1, 2)
  room.disk('a').whole.set(1, 1)
  room.checks.lost('flip', 'a', room.disks)
  room.kill('a')
  room.start('a', 'STORE_CORRUPT')
  room.finish({ k: 1 })
  breaks('lost', () => room.finish({ k: 2 }), /operation 1/)
})

test('a disk that is put back twice may hold what was given up before', () => {
  const room = (times: number) => {
    const staged = new StagedRoom(['rollback'])
    staged.add('a', [['k', 1]], 1, 1)
    for (let i = 0; i < times; i++) {
      staged.kill('a')
      staged.rollback('a', { 1: 1 })
      staged.start('a')
      // The disk holds as much as before: another history, perhaps.
      if (i < times - 1) staged.add('a', [['k', 2]], 1, 1)
    }
    return staged
  }
  breaks('report-LOG_FORKED', () => room(1).fork('b', 1))
  breaks('lost', () => room(1).finish({}))
  const twice = room(2)
  twice.finish({})
  twice.fork('b', 1)
  twice.finish({})
})

test('a removed node takes its disk along', () => {
  const room = new StagedRoom(['remove'])
  room.add('a', [['k', 1]])
  room.add('a', [['k', 2]], 1, 2)
  room.disk('b').clocks.set(1, 1)
  room.kill('a')
  room.disks.delete('a')
  room.checks.lost('remove', 'a', room.disks)
  room.finish({ k: 1 })
  breaks('lost', () => room.finish({ k: 2 }), /operation 1/)
})

test('a copy of a disk may hold what its original lost and wrote anew', () => {
  const room = (faults: readonly ('rollback' | 'clone' | 'wipe')[]) => {
    const staged = new StagedRoom(faults)
    staged.add('a', [['k', 1]])
    staged.disk('b').clocks.set(1, 2)
    staged.kill('a')
    staged.rollback('a', { 1: 1 })
    staged.start('a')
    staged.add('a', [['k', 2]], 1, 2)
    staged.kill('a')
    staged.wipe('a')
    staged.start('a', 'STORE_WIPED')
    return staged
  }
  room(['rollback', 'wipe', 'clone']).finish({ k: 1 })
  breaks('lost', () => room(['rollback', 'wipe']).finish({ k: 1 }), /operation 2/)
})

test('an operation that waited for stores may have ended under an earlier id', () => {
  const room = new StagedRoom(['wipe'])
  room.add('a', [['k', 1]], 1, 1)
  const waiting = room.attempt('a', [['k', 2]], 2)
  room.disk('a').clocks.set(1, 2)
  room.disk('a').clocks.set(2, 1)
  room.checks.ended({ operation: waiting, code: 'NOT_REPLICATED', position: '1:2,2:1' })
  room.disk('b').clocks.set(2, 1)
  room.kill('a')
  room.wipe('a')
  room.start('a', 'STORE_WIPED')
  room.finish({})
})

test.run()
