import { TallymeshError } from '@tallymesh/crdt'
import { MemoryDisk, MemoryStore } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cryptoRandom } from '../src/random.js'
import { inRoom, type RoomEngine } from './engine-room.js'
import { Gate } from './lab.js'
import { isPending, refusal, turn, until, within } from './wait.js'

const groups = suite('groups')
const FULL = new Error('no space left on device')
const BIG = Number.MAX_SAFE_INTEGER

/** An engine whose writes can be held. */
async function gated(open: (disk: MemoryDisk) => Promise<RoomEngine>) {
  const disk = new MemoryDisk()
  const gate = new Gate(disk)
  return { disk, gate, one: await open(disk) }
}

groups(
  'counts a group at once and makes it durable in one commit, shared keys and both directions included',
  inRoom(async room => {
    const { one, gate, disk } = await gated(disk => room.open('a', { disk }))
    gate.shut()
    const counts = [5, -2, 3, -1].map((add, i) => ({ cell: one.cell(i % 2 === 0 ? 'x' : 'y'), add }))
    const done = one.engine.add(counts)
    assert.equal([one.value('x'), one.value('y')], [8, -3])
    assert.equal(one.engine.totals(one.cell('x')), { increments: 8n, decrements: 0n })
    await until('the write waits', () => gate.waiting === 1)
    assert.ok(await isPending(done))
    gate.open()
    await within('the group is durable', done)
    assert.is(disk.lastCommit?.number, 1)
  }),
)

groups(
  'shares its commit with the increments of the same turn',
  inRoom(async room => {
    const one = await room.open('a')
    const plain = one.increment('x')
    const group = one.add({ x: 1, y: 1 })
    assert.is(group, plain)
    await within('both are durable', group)
    assert.is(one.store.lastCommit?.number, 1)
  }),
)

groups(
  'refuses what may not be counted, and counts nothing of it',
  inRoom(async room => {
    const one = await room.open('a')
    one.engine.commits.increment(one.cell('full'), BIG)
    const code = async (counts: ReadonlyArray<readonly [string, unknown]>, options?: object) => {
      const entries = counts.map(([name, add]) => ({ cell: one.cell(name), add: add as number }))
      return (await refusal('the group', one.engine.add(entries, options))).code
    }
    assert.is(await code([]), 'INVALID_OPTION')
    assert.is(await code(Array.from({ length: 2_001 }, () => ['x', 1] as const)), 'INVALID_OPTION')
    for (const add of [0, 1.5, 2 ** 53, Number.NaN, '1', undefined, 1n]) {
      assert.is(
        await code([
          ['x', 1],
          ['x', add],
        ]),
        'INVALID_AMOUNT',
        String(add),
      )
    }
    assert.is(
      await code([
        ['x', 1],
        ['full', 1],
      ]),
      'COUNTER_OVERFLOW',
    )
    assert.is(
      await code([
        ['x', BIG],
        ['x', 1],
      ]),
      'COUNTER_OVERFLOW',
    )
    assert.is(
      await code([
        ['x', -BIG],
        ['x', -BIG],
      ]),
      'COUNTER_OVERFLOW',
    )
    const sum = await refusal('the sum', one.engine.add([-BIG, -2].map(add => ({ cell: one.cell('x'), add }))))
    assert.is(sum.message, `x has ${BIG} decrements in this group; 2 more would pass 2^53 - 1. Nothing was counted`)
    assert.is(await code([['x', 1]], { replicas: 0 }), 'INVALID_OPTION')
    assert.is(await code([['x', 1]], { wanted: 2 }), 'INVALID_OPTION')
    assert.is(one.value('x'), 0)
    assert.is(one.errors.length, 15)
    await within('both directions fill up', one.engine.add([BIG, -BIG].map(add => ({ cell: one.cell('x'), add }))))
    assert.is(one.value('x'), 0)
  }),
)

groups(
  'waits, uncounted, while a backlog is drained, and then keeps the order of the calls',
  inRoom(async room => {
    const { one, gate, disk } = await gated(disk => room.open('a', { disk }))
    gate.shut()
    for (let i = 0; i < 10_000; i++) one.engine.commits.increment(one.cell(`k${i}`), 1)
    const backlog = one.engine.counted()
    await until('the first part waits', () => gate.waiting === 1)
    const first = one.add({ k9999: 10, k0: 10 })
    const second = one.add({ k9999: 100 })
    assert.is(one.value('k9999'), 1)
    for (const part of [1, 2, 3, 4]) {
      gate.step()
      await until(`part ${part} is written`, () => disk.lastCommit?.number === part && gate.waiting === 1)
      assert.is(one.value('k9999'), 1, 'still uncounted')
    }
    gate.step()
    await within('the backlog is durable', backlog)
    await until('the groups wait for the disk', () => gate.waiting === 1)
    assert.equal([one.value('k9999'), one.value('k0')], [111, 11])
    gate.open()
    await within('both groups are durable', Promise.all([first, second]))
    assert.is(disk.lastCommit?.number, 6)
  }),
)

groups(
  'lets as many groups into one commit as fit, a small one never past a large one',
  inRoom(async room => {
    const { one, gate, disk } = await gated(disk => room.open('a', { disk }))
    gate.shut()
    one.increment('first')
    await until('the first write waits', () => gate.waiting === 1)
    const many = (prefix: string, count: number) =>
      one.engine.add(Array.from({ length: count }, (_, i) => ({ cell: one.cell(`${prefix}${i}`), add: 1 })))
    const outcomes = [many('a', 1_200), many('b', 1_200), many('a', 1)]
    assert.equal([one.value('a0'), one.value('b0')], [1, 0], 'the last one waits behind the large one')
    gate.step()
    await within(
      'the first group',
      until('the second commit is on its way', () => gate.waiting === 1),
    )
    assert.equal([one.value('a0'), one.value('b0')], [1, 0])
    gate.step()
    await within('the first group is durable', outcomes[0] as Promise<void>)
    await until('the third commit is on its way', () => gate.waiting === 1)
    assert.equal([one.value('a0'), one.value('b0')], [2, 1])
    gate.open()
    await within('all groups are durable', Promise.all(outcomes))
    assert.is(disk.lastCommit?.number, 3)
  }),
)

groups(
  'checks a group that waited again: what was counted meanwhile may leave no room',
  inRoom(async room => {
    const { one, gate } = await gated(disk => room.open('a', { disk }))
    gate.shut()
    for (let i = 0; i < 3_000; i++) one.engine.commits.increment(one.cell(`k${i}`), 1)
    one.engine.counted()
    await until('the first part waits', () => gate.waiting === 1)
    const late = one.add({ x: 1, full: 1 })
    const after = one.add({ x: 1 })
    one.increment('full', BIG)
    gate.open()
    assert.is((await refusal('the slot is full', late)).code, 'COUNTER_OVERFLOW')
    await within('the next group is counted', after)
    assert.is(one.value('x'), 1)
  }),
)

groups(
  'keeps what was in no commit through a failed write, as a whole; what was in flight is in doubt, and counts on',
  inRoom(async room => {
    const { one, gate, disk } = await gated(disk => room.open('a', { disk }))
    gate.shut()
    disk.failure = FULL
    const inFlight = one.add({ x: 1, y: 1 })
    await until('the write waits', () => gate.waiting === 1)
    const pending = one.add({ x: 10, y: 10 })
    gate.step()
    assert.is((await refusal('the group in flight', inFlight)).code, 'INDETERMINATE')
    assert.is((await refusal('groups are refused meanwhile', one.add({ x: 100 }))).code, 'NOT_READY')
    gate.open()
    await within('the pending group is durable', pending)
    assert.equal([one.value('x'), one.value('y')], [11, 11], 'what was in flight counts on, as a whole')
    const again = await readAgain(room, one, disk)
    assert.equal([again.value('x'), again.value('y')], [11, 11])
  }),
)

groups(
  'refuses those that wait when the disk fails or the node closes',
  inRoom(async room => {
    for (const end of ['fails', 'retires', 'closes']) {
      const { one, gate, disk } = await gated(disk => room.open(end, { disk }))
      gate.shut()
      for (let i = 0; i < 3_000; i++) one.engine.commits.increment(one.cell(`k${i}`), 1)
      one.engine.counted()
      await until('the first part waits', () => gate.waiting === 1)
      const waiting = one.add({ x: 1 })
      if (end === 'fails') {
        disk.failure = FULL
        // The failure that was set before the write began is the one that it gets.
        gate.step()
        await until('the second part waits', () => gate.waiting === 1)
        gate.step()
        assert.is((await refusal('it waits in vain', waiting)).code, 'NOT_READY')
      } else {
        const closed = new TallymeshError('NODE_CLOSED', 'the node is closed; nothing was counted')
        one.engine.retire(closed)
        assert.is((await refusal('it waits in vain', waiting)).code, 'NODE_CLOSED')
        assert.is((await refusal('so do later ones', one.add({ x: 1 }))).code, 'NODE_CLOSED')
      }
      gate.open()
      assert.is(one.value('x'), 0)
    }
  }),
)

groups(
  'bounds how many wait',
  inRoom(async room => {
    const { one, gate } = await gated(disk => room.open('a', { disk }))
    gate.shut()
    for (let i = 0; i < 3_000; i++) one.engine.commits.increment(one.cell(`k${i}`), 1)
    one.engine.counted()
    await until('the first part waits', () => gate.waiting === 1)
    const entries = one.entries({ x: 1 })
    const waiting = Array.from({ length: 10_000 }, () => one.engine.add(entries))
    assert.is((await refusal('one too many', one.engine.add(entries))).code, 'NOT_READY')
    gate.open()
    await within('all that waited are counted', Promise.all(waiting))
    assert.is(one.value('x'), 10_000)
  }),
)

groups(
  'bounds how many counts wait, over all groups',
  inRoom(async room => {
    const { one, gate } = await gated(disk => room.open('a', { disk }))
    const large = Array.from({ length: 2_000 }, (_, i) => ({ cell: one.cell(`k${i}`), add: 1 }))
    gate.shut()
    for (let i = 0; i < 3_000; i++) one.engine.commits.increment(one.cell(`many${i}`), 1)
    one.engine.counted()
    await until('the first part waits', () => gate.waiting === 1)
    const waiting = Array.from({ length: 250 }, () => one.engine.add(large))
    for (const entries of [large, one.entries({ x: 1 })]) {
      const refused = await refusal('the counts that wait are enough', one.engine.add(entries))
      assert.is(refused.code, 'NOT_READY')
      assert.match(refused.message, /250 groups wait/)
    }
    gate.open()
    await within('all that waited are counted', Promise.all(waiting))
    assert.equal([one.value('k0'), one.value('k1999'), one.value('x')], [250, 250, 0])
    gate.shut()
    await isPending(one.engine.add(large))
    const again = Array.from({ length: 250 }, () => one.engine.add(large))
    gate.open()
    await within('as many may wait again', Promise.all(again))
  }),
)

groups(
  'follows a group until other stores confirm it',
  inRoom(async room => {
    const [a, b] = [await room.open('a'), await room.open('b')]
    room.link(a, b)
    await within('b confirms', a.engine.add(a.entries({ x: 1, y: 2 }), { replicas: 2 }))
    assert.equal([b.value('x'), b.value('y')], [1, 2])
    const lonely = a.engine.add(a.entries({ x: 1 }), { replicas: 3, timeoutMs: 1 })
    assert.is((await refusal('nobody else is there', lonely)).code, 'NOT_REPLICATED')
  }),
)

groups(
  'keeps a group whole over a change of the replica id',
  inRoom(async room => {
    const { one, gate, disk } = await gated(disk => room.open('a', { disk }))
    await one.increment('x')
    const before = one.engine.replica.commits.replica
    gate.shut()
    one.increment('y')
    await until('the write waits', () => gate.waiting === 1)
    const group = one.add({ x: 5, y: 5, z: 5 })
    assert.ok(before)
    one.engine.replica.diverged(before, 'so the test wants', [])
    gate.open()
    await within('the group is durable', group)
    assert.is.not(one.engine.replica.commits.replica, before)
    assert.equal(
      ['x', 'y', 'z'].map(name => one.value(name)),
      [6, 6, 5],
    )
    const again = await readAgain(room, one, disk)
    assert.equal(
      ['x', 'y', 'z'].map(name => again.value(name)),
      [6, 6, 5],
    )
  }),
)

/** What another process finds on the same disk. */
async function readAgain(room: { crash(one: RoomEngine): void; open: OpenIn }, one: RoomEngine, disk: MemoryDisk) {
  room.crash(one)
  await turn()
  return room.open(`${one.name}-again`, { store: new MemoryStore({ room: 'lab', random: cryptoRandom, disk }) })
}

type OpenIn = (name: string, options: { store: MemoryStore }) => Promise<RoomEngine>

groups.run()
