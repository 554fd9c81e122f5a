import { counterKey } from '@tallymesh/crdt'
import { MemoryDisk } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type EngineRoom, inRoom, type RoomEngine } from './engine-room.js'
import { until, within } from './wait.js'

const catchingUp = suite('catching up')

/** Counts `keys` counters once each, in many small commits. */
async function fill(one: RoomEngine, keys: number): Promise<void> {
  for (let from = 0; from < keys; from += 50) {
    for (let i = from; i < Math.min(keys, from + 50); i++) one.engine.commits.increment(one.cell(`k${i}`), 1)
    await one.engine.counted()
  }
}

catchingUp(
  'a node with nothing to dial has caught up at once; one with seeds has not before it is linked',
  inRoom(async room => {
    const lone = await room.open('lone')
    assert.is(lone.engine.caughtUp, true)
    assert.is(lone.engine.behind, 0)
    const other = await room.open('other', { seeds: ['ws://127.0.0.1:1'] })
    await other.increment('x')
    assert.is(other.engine.caughtUp, false)
    room.link(other, lone)
    await until('it has caught up', () => other.engine.caughtUp)
    assert.is(other.engine.behind, 0)
  }),
)

catchingUp(
  'a late joiner has caught up once it holds what its peers said they hold, and stays so',
  inRoom(async room => {
    const [a, b] = [await room.open('a'), await room.open('b')]
    room.link(a, b)
    await Promise.all([fill(a, 4_000), fill(b, 1_000)])
    const late = await room.open('late', { seeds: ['ws://127.0.0.1:1'], updateBytesMax: 2_000 })
    let behindMax = 0
    const progressed = late.engine.loop.events.progressed
    late.engine.loop.events.progressed = () => {
      behindMax = Math.max(behindMax, late.engine.behind)
      progressed()
      if (late.engine.caughtUp) return
      const held = (['a', 'b'] as const).every((_, i) => late.value(`k${i === 0 ? 3_999 : 999}`) === (i === 0 ? 1 : 2))
      assert.ok(!held || late.engine.behind > 0 || late.engine.caughtUp)
    }
    room.link(late, a)
    room.link(late, b)
    await until('it has caught up', () => late.engine.caughtUp)
    assert.ok(behindMax >= 80, `it was ${behindMax} batches behind`)
    for (let i = 0; i < 4_000; i++) assert.is(late.value(`k${i}`), i < 1_000 ? 2 : 1, `k${i}`)
    await until('it holds the rest', () => late.engine.behind === 0)
    room.cut(late, a)
    await a.increment('x')
    assert.is(late.engine.caughtUp, true)
  }),
)

catchingUp(
  'becomes true in a room that goes on counting',
  inRoom(async room => {
    const [a, b] = [await room.open('a'), await room.open('b')]
    room.link(a, b)
    const counting = setInterval(() => {
      for (const one of [a, b]) one.increment(`k${Math.floor(Math.random() * 500)}`)
    }, 1)
    try {
      await fill(a, 2_000)
      const late = await room.open('late', { seeds: ['ws://127.0.0.1:1'] })
      room.link(late, a)
      room.link(late, b)
      await until('it has caught up', () => late.engine.caughtUp)
    } finally {
      clearInterval(counting)
    }
  }),
)

catchingUp(
  'does not wait for a log that is frozen here, or that a peer has frozen',
  inRoom(async room => {
    const [a, b] = [await room.open('a'), await room.open('b')]
    await fill(a, 500)
    room.link(a, b)
    await until('b holds it', () => b.value('k499') === 1)
    const id = a.engine.replica.commits.replica
    assert.ok(id)
    room.cut(a, b)
    await a.increment('k0', 5)
    b.engine.replica.diverged(id, 'so the test wants', [])
    b.engine.loop.flushSoon()
    const late = await room.open('late', { seeds: ['ws://127.0.0.1:1'] })
    room.link(late, b)
    await until('it has caught up with b', () => late.engine.caughtUp)
    await until('it holds what b adopted', () => late.value('k499') === 1)
    room.link(late, a)
    await until('a has learned of the fork', () => a.engine.figures.forks === 1)
    await until('nothing is missing', () => [a, b, late].every(({ engine }) => engine.behind === 0))
    await until('the later count is known', () => late.value('k0') === 6)
  }),
)

catchingUp(
  'does not wait for a log that nobody can complete',
  inRoom(async room => {
    const { part, disk } = await heldInPart(room)
    const again = await room.open('again', { seeds: ['ws://127.0.0.1:1'], disk })
    room.link(again, part)
    await within(
      'it has caught up',
      until('again has caught up', () => again.engine.caughtUp),
    )
    const late = await room.open('late', { seeds: ['ws://127.0.0.1:1'] })
    room.link(late, part)
    await until('the late one has caught up', () => late.engine.caughtUp)
    await until('nothing is missing', () => [part, again, late].every(({ engine }) => engine.behind === 0))
  }),
)

/** A node that holds a part of the log of one that is gone, and a disk that does, too. */
async function heldInPart(room: EngineRoom): Promise<{ part: RoomEngine; disk: MemoryDisk }> {
  const gone = await room.open('gone', { updateBytesMax: 1_000 })
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 3_000; i++) gone.engine.commits.increment(gone.cell(`k${i}`), 1)
    await gone.engine.counted()
  }
  const id = gone.engine.replica.commits.replica
  assert.ok(id)
  assert.ok((gone.engine.replica.room.logs.get(id)?.head ?? 0) > 0, 'a part of its log is deleted')
  const disk = new MemoryDisk()
  const part = await room.open('part', { disk })
  const progressed = part.engine.loop.events.progressed
  let frames = 0
  part.engine.loop.events.progressed = () => {
    progressed()
    const log = part.engine.replica.room.logs.get(id)
    if (log && !log.complete && ++frames === 3) room.cut(part, gone)
  }
  room.link(part, gone)
  await until('it holds a part', () => frames >= 3)
  room.crash(gone)
  await part.increment('mine')
  await until('the part is stored', () => disk.records.has(id))
  assert.is(part.engine.replica.room.logs.get(id)?.complete, false)
  const copy = disk.copy()
  copy.id = undefined
  copy.lastCommit = undefined
  return { part, disk: copy }
}

catchingUp(
  'says how many batches are missing',
  inRoom(async room => {
    const [a, b] = [await room.open('a'), await room.open('b')]
    await fill(a, 500)
    assert.is(b.engine.behind, 0, 'nobody is linked')
    room.link(a, b)
    await until('b holds it', () => b.value('k499') === 1)
    assert.is(b.engine.behind, 0)
    assert.ok(counterKey('k499'))
  }),
)

catchingUp.run()
