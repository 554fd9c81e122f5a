import type { ReplicaId } from '@tallymesh/crdt'
import { MemoryDisk } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { inRoom } from './engine-room.js'
import { refusal, turn, until, within } from './wait.js'

const loading = suite('loading after a failed write')

/** Fails the write that is under way when it is called, and lets later ones pass. */
function failing(disk: MemoryDisk): {
  readonly waiting: () => number
  readonly step: () => void
  readonly fail: () => void
} {
  const waiting: Array<{ resolve: () => void; reject: (reason: Error) => void }> = []
  disk.sync = () => new Promise((resolve, reject) => waiting.push({ resolve, reject }))
  return {
    waiting: () => waiting.length,
    step: () => waiting.shift()?.resolve(),
    fail: () => {
      disk.sync = undefined
      waiting.shift()?.reject(new Error('no space'))
    },
  }
}

loading(
  'what rode along with a part of a large commit is in doubt when that part fails',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const one = await room.open('a', { disk })
    await one.increment('x')
    const gate = failing(disk)
    for (let i = 0; i < 3_000; i++) one.increment(`k${i}`)
    await until('the first part waits', () => gate.waiting() === 1)
    const late = one.increment('k2999', 5)
    const imported = one.engine.importSlots([{ key: 'y', replica: 'abc', increments: 3, decrements: 0 }])
    await until('the import is carried', () => one.engine.replica.commits.extra.size > 0)
    gate.step()
    await until('the last part waits', () => gate.waiting() === 1)
    gate.fail()
    assert.is((await refusal('the late count', late)).code, 'INDETERMINATE')
    assert.is((await refusal('the import', imported)).code, 'INDETERMINATE')
    await until('it has recovered', () => one.engine.refusal === undefined)
    await within('a later count', one.increment('z'))
    assert.equal([one.value('k2999'), one.value('y'), one.value('z')], [6, 3, 1])
  }),
)

loading(
  'an id that is known to be forked is not gone on with, though the disk does not say so',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const one = await room.open('a', { disk })
    await one.increment('x', 5)
    const forked = one.engine.replica.commits.replica
    assert.ok(forked)
    one.engine.replica.diverged(forked, 'so the test wants', [])
    disk.failure = new Error('no space')
    assert.is((await refusal('the count in flight', one.increment('x', 2))).code, 'INDETERMINATE')
    await until('it has recovered', () => one.engine.refusal === undefined)
    assert.ok(one.engine.replica.room.forked.has(forked))
    await within('a later count', one.increment('x'))
    assert.is.not(one.engine.replica.commits.replica, forked)
    assert.is(one.value('x'), 8)
  }),
)

loading(
  'no read falls between the old table and the new one',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const one = await room.open('a', { disk })
    // A key that is not counted has a place in the old table and none in the new one.
    one.cell('never')
    await one.increment('x', 5)
    disk.failure = new Error('no space')
    const doubtful = one.increment('y')
    const seen = new Set<number>()
    const read = async () => {
      while (!one.story.includes('recovered')) {
        for (let i = 0; i < 1_000; i++) {
          seen.add(one.value('x'))
          await undefined
        }
        await turn()
      }
    }
    await within('it has recovered', read())
    assert.is((await refusal('the count in flight', doubtful)).code, 'INDETERMINATE')
    assert.equal([...seen], [5])
  }),
)

loading(
  'counts of others that were shown before the disk took them stay',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const one = await room.open('a', { disk })
    const other = await room.open('b')
    await one.increment('x')
    await other.increment('x', 5)
    room.link(one, other)
    await until('they agree', () => one.value('x') === 6 && other.value('x') === 6)
    await until('the disk is at rest', () => one.engine.replica.settled)
    const gate = failing(disk)
    await other.increment('x', 7)
    await until('it is shown', () => one.value('x') === 13)
    await until('the write waits', () => gate.waiting() === 1)
    const pending = one.increment('x')
    gate.fail()
    const seen = new Set<number>()
    await until('it has recovered', () => {
      seen.add(one.value('x'))
      return one.story.includes('recovered')
    })
    await within('a later count', one.increment('y'))
    await within('what waited', pending)
    assert.is(Math.min(...seen), 14)
    assert.is(one.value('x'), 14)
  }),
)

loading(
  'what was in flight counts once where its id turns out to be forked meanwhile',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const one = await room.open('a', { disk })
    await one.increment('x', 3)
    const gate = failing(disk)
    const doubtful = one.increment('x', 2)
    await until('the write waits', () => gate.waiting() === 1)
    const { replica } = one.engine
    replica.diverged(replica.commits.replica as ReplicaId, 'so the test wants', [])
    gate.fail()
    assert.is((await refusal('the count in flight', doubtful)).code, 'INDETERMINATE')
    await until('it has recovered', () => one.engine.refusal === undefined)
    await within('a later count', one.increment('y'))
    assert.is(one.value('x'), 5)
  }),
)

loading(
  'what was in flight counts once where the disk has it and forgot its mark',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const one = await room.open('a', { disk })
    await one.increment('x', 3)
    const reopen = one.store.reopen.bind(one.store)
    one.store.reopen = async () => {
      await reopen()
      disk.lastCommit = undefined
    }
    const write = one.store.write.bind(one.store)
    one.store.write = async what => {
      one.store.write = write
      await write(what)
      throw new Error('input/output error')
    }
    assert.is((await refusal('the count in flight', one.increment('x', 2))).code, 'INDETERMINATE')
    await until('it has recovered', () => one.engine.refusal === undefined)
    await within('a later count', one.increment('y'))
    assert.is(one.value('x'), 5)
  }),
)

loading.run()
