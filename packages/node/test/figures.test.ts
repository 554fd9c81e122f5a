import { replicaId } from '@tallymesh/crdt'
import type { Replica } from '@tallymesh/replica'
import { MemoryDisk, MemoryStore } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CommitFigures } from '../src/engine-options.js'
import { Figures } from '../src/figures.js'
import { cryptoRandom } from '../src/random.js'
import { inRoom } from './engine-room.js'
import { Gate } from './lab.js'
import { turn, until } from './wait.js'

const figures = suite('figures')

figures(
  'tells of each durable own commit, with its size and the time it took',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const commits: CommitFigures[] = []
    const one = await room.open('a', { disk, events: { committed: commit => commits.push(commit) } })
    gate.shut()
    const done = one.add({ x: 1, y: 2, z: -3 })
    await until('the write waits', () => gate.waiting === 1)
    const beganMs = performance.now()
    await turn()
    const waitedMs = performance.now() - beganMs
    assert.equal(commits, [])
    gate.open()
    await done
    await until('the commit was told', () => commits.length === 1)
    const [commit] = commits as [CommitFigures]
    assert.is(commit.entries, 4, 'three totals and the member record of a fresh id')
    const append = disk.records.get(one.engine.replica.commits.replica as never)?.get(0)
    assert.is(commit.bytes, append?.length)
    assert.ok(commit.writeMs >= waitedMs && commit.totalMs >= commit.writeMs)
    assert.is(one.engine.figures.commitEntries, 4)
    assert.is(one.engine.figures.commitBytes, commit.bytes)
  }),
)

figures(
  'times nothing while nobody wants to know, and counts all the same',
  inRoom(async room => {
    let wanted = false
    const commits: CommitFigures[] = []
    const events = { wantsCommits: () => wanted, committed: (commit: CommitFigures) => commits.push(commit) }
    const one = await room.open('a', { events })
    await one.increment('x')
    assert.is(commits.length, 0)
    assert.is(one.engine.figures.commitEntries, 2)
    wanted = true
    await one.increment('x')
    await until('the second commit was told', () => commits.length === 1)
    assert.is(commits[0]?.entries, 1)
    assert.is(one.engine.figures.commitEntries, 3)
  }),
)

figures(
  'counts slots, forks, what is pending, and changes of the replica id',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const one = await room.open('a', { disk })
    const at = () => {
      const { slots, forks, pending, replicaChanges } = one.engine.figures
      return { slots, forks, pending, replicaChanges }
    }
    assert.equal(at(), { slots: 0, forks: 0, pending: 0, replicaChanges: 0 })
    await one.add({ x: 1, y: 1 })
    assert.equal(at(), { slots: 2, forks: 0, pending: 0, replicaChanges: 0 })
    gate.shut()
    one.increment('x')
    await until('the write waits', () => gate.waiting === 1)
    one.increment('z')
    assert.is(at().pending, 1)
    gate.open()
    const id = one.engine.replica.commits.replica
    assert.ok(id)
    one.engine.replica.diverged(id, 'so the test wants', [])
    await one.increment('x')
    await until('the change was noted', () => at().replicaChanges === 1)
    assert.is(at().forks, 1)
    room.crash(one)
    await turn()
    const again = await room.open('b', { store: new MemoryStore({ room: 'lab', random: cryptoRandom, disk }) })
    assert.is(again.engine.figures.replicaChanges, 0)
    await again.increment('x')
    await until('without a witness the id changed', () => again.engine.figures.replicaChanges === 1)
  }),
)

figures('keeps what replicas before this one refused and missed of folds', () => {
  const replicaWith = (refusedFolded: number, ...missed: number[]) =>
    ({ sync: { refusedFolded }, room: { ledger: { folds: { missed: new Set(missed) } } } }) as unknown as Replica
  let replica = replicaWith(2, 7)
  const counted = new Figures(() => replica)
  counted.opened(undefined)
  assert.equal([counted.refusedFolded, counted.missedFolds], [2, 1])
  replica = replicaWith(0)
  counted.opened(undefined)
  assert.equal([counted.refusedFolded, counted.missedFolds], [2, 1])
  replica.sync.refusedFolded++
  replica.room.ledger.folds.missed.add(replicaId(8))
  assert.equal([counted.refusedFolded, counted.missedFolds], [3, 2])
})

figures.run()
