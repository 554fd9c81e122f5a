import { TallymeshError } from '@tallymesh/crdt'
import { MemoryDisk, MemoryStore } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cryptoRandom } from '../src/random.js'
import type { ExportedSlot } from '../src/slot-export.js'
import { type EngineRoom, inRoom, type RoomEngine } from './engine-room.js'
import { Gate } from './lab.js'
import { isPending, refusal, turn, until, within } from './wait.js'

const exchange = suite('slot import and export')
const BIG = Number.MAX_SAFE_INTEGER

async function exported(one: RoomEngine): Promise<ExportedSlot[]> {
  return [...(await one.engine.exportSlots())]
}

function slot(key: string, replica: string, increments: number, decrements = 0): ExportedSlot {
  return { key, replica, increments, decrements }
}

/** Another process on the same disk. */
async function restart(room: EngineRoom, one: RoomEngine, disk: MemoryDisk, name: string): Promise<RoomEngine> {
  room.crash(one)
  await turn()
  return room.open(name, { store: new MemoryStore({ room: 'lab', random: cryptoRandom, disk }) })
}

exchange(
  'exports every slot by key, of other replicas, too',
  inRoom(async room => {
    const [a, b] = [await room.open('a'), await room.open('b')]
    room.link(a, b)
    await a.add({ 'z{l="1"}': 1, m: -2 })
    await b.add({ m: 5, c: 1 })
    await until('both hold all', () => a.value('m') === 3 && b.value('m') === 3 && a.value('c') === 1)
    const [slots, others] = await Promise.all([exported(a), exported(b)])
    assert.equal(slots, others)
    assert.equal(
      slots.map(({ key, increments, decrements }) => [key, increments, decrements]).filter(([key]) => key !== 'm'),
      [
        ['c', 1, 0],
        ['z\\{l="1"}', 1, 0],
      ],
    )
    assert.is(slots.length, 4)
    const ids = [a, b].map(({ engine }) => engine.replica.commits.replica?.toString(16))
    for (const { replica } of slots) assert.ok(ids.includes(replica))
  }),
)

exchange(
  'exports nothing of a commit that is in flight, and nothing that is only counted',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const one = await room.open('a', { disk })
    await one.increment('x', 1)
    gate.shut()
    const group = one.add({ x: 10, y: 10 })
    await until('the write waits', () => gate.waiting === 1)
    one.increment('x', 100)
    const slots = exported(one)
    assert.ok(await isPending(slots))
    gate.step()
    await within('the group is durable', group)
    const read = await within('the export', slots)
    assert.equal(
      read.map(({ key, increments }) => [key, increments]),
      [
        ['x', 11],
        ['y', 10],
      ],
    )
    gate.open()
  }),
)

exchange(
  'refuses an export while the disk is reopened, and ends one that waits',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const one = await room.open('a', { disk })
    gate.shut()
    disk.failure = new Error('no space')
    one.increment('x')
    await until('the write waits', () => gate.waiting === 1)
    const waiting = exported(one)
    assert.ok(await isPending(waiting))
    gate.step()
    assert.is((await refusal('it waits in vain', waiting)).code, 'NOT_READY')
    assert.is((await refusal('nor can another begin', exported(one))).code, 'NOT_READY')
    gate.open()
    await until('it has recovered', () => one.story.includes('recovered'))
    assert.is((await within('what was in flight is written', exported(one))).length, 1)
    gate.shut()
    one.increment('x')
    await until('the write waits', () => gate.waiting === 1)
    const late = exported(one)
    one.engine.retire(new TallymeshError('NODE_CLOSED', 'closed'))
    one.engine.close()
    assert.is((await refusal('the node closes', late)).code, 'NODE_CLOSED')
    gate.open()
  }),
)

exchange(
  'imports an export into an empty room, durably, for its peers too, and twice without a trace',
  inRoom(async room => {
    const source = await room.open('source')
    for (let i = 0; i < 3_000; i++) source.engine.commits.increment(source.cell(`k${i}`), i + 1)
    await source.engine.counted()
    await source.add({ k0: -5, other: 7 })
    const slots = await exported(source)
    const disk = new MemoryDisk()
    const [a, b] = [await room.open('a', { disk }), await room.open('b')]
    room.link(a, b)
    assert.is(await within('the import', a.engine.importSlots(slots)), 3_001)
    const same = (one: RoomEngine) => {
      for (let i = 1; i < 3_000; i++) assert.is(one.value(`k${i}`), i + 1)
      assert.equal([one.value('k0'), one.value('other')], [-4, 7])
    }
    same(a)
    await until('b holds it', () => b.value('k2999') === 3_000 && b.value('other') === 7 && b.engine.behind === 0)
    same(b)
    const commits = disk.lastCommit?.number
    assert.is(commits, 3, '1,024 slots in each commit')
    assert.is(await a.engine.importSlots(slots), 0)
    assert.is(await a.engine.importSlots(await exported(a)), 0)
    assert.is(await b.engine.importSlots(slots), 0)
    assert.is(disk.lastCommit?.number, commits)
    assert.equal(await exported(a), slots)
    const again = await restart(room, a, disk, 'again')
    same(again)
    assert.equal(await exported(again), slots)
    await again.increment('other')
    assert.is(again.value('other'), 8)
  }),
)

exchange(
  'takes the larger of each total, and raises only what rises',
  inRoom(async room => {
    const one = await room.open('a')
    assert.is(await one.engine.importSlots([slot('x', 'abc', 5, 9), slot('y', 'abc', 0, 0)]), 1)
    assert.is(await one.engine.importSlots([slot('x', 'abc', 7, 3), slot('x', 'abc', 6), slot('x', 'abd', 1)]), 2)
    assert.equal(one.engine.totals(one.cell('x')), { increments: 8n, decrements: 9n })
    assert.is(await one.engine.importSlots([slot('x', 'abc', 1), slot('x', 'abc', 2)]), 0)
    const loose = [slot('n{b="2",a="1"}', 'abc', 3)]
    assert.is(await one.engine.importSlots(loose), 1)
    assert.ok(
      (await exported(one)).some(({ key }) => key === 'n{a="1",b="2"}'),
      'keys are made canonical',
    )
    assert.is(await one.engine.importSlots([slot('full', 'abc', BIG, BIG), slot('full', '1fffffffffffff', BIG)]), 2)
    assert.is(one.engine.totals(one.cell('full')).increments, 2n * BigInt(BIG))
  }),
)

exchange(
  'checks an import as a whole before it merges anything',
  inRoom(async room => {
    const one = await room.open('a')
    const code = async (bad: unknown) =>
      (await refusal('the import', one.engine.importSlots([slot('x', 'abc', 5), bad as ExportedSlot]))).code
    for (const key of ['', 'a{', 'a{b="1",b="2"}', '\u0000', undefined, 5, 'x'.repeat(257)]) {
      assert.is(await code({ ...slot('x', 'abc', 1), key }), 'INVALID_NAME', String(key))
    }
    for (const replica of ['', '0', '0a', 'A', 'g', 'fffffffffffffff', '20000000000000', 10, undefined]) {
      assert.is(await code({ ...slot('x', 'abc', 1), replica }), 'INVALID_OPTION', String(replica))
    }
    for (const total of [-1, 1.5, 2 ** 53, Number.NaN, '1', undefined, 1n, null]) {
      assert.is(await code({ ...slot('x', 'abc', 1), increments: total }), 'INVALID_AMOUNT', String(total))
      assert.is(await code({ ...slot('x', 'abc', 1), decrements: total }), 'INVALID_AMOUNT', String(total))
    }
    for (const bad of [null, 'x', undefined]) assert.is(await code(bad), 'INVALID_OPTION', String(bad))
    assert.is(one.value('x'), 0)
    assert.is(one.store.lastCommit, undefined)
    const torn = function* () {
      yield slot('x', 'abc', 1)
      throw new TallymeshError('NOT_READY', 'the file ends')
    }
    assert.is((await refusal('its own error', one.engine.importSlots(torn()))).code, 'NOT_READY')
    assert.is(one.value('x'), 0)
    assert.is(await one.engine.importSlots([]), 0)
  }),
)

exchange(
  'takes a fresh id where the import says more of the live one than this node counted',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const one = await room.open('a', { disk })
    await one.increment('x', 5)
    const id = one.engine.replica.commits.replica?.toString(16) as string
    assert.is(await one.engine.importSlots([slot('x', id, 5)]), 0, 'as much is no more')
    assert.equal(one.codes(), [])
    assert.is(await one.engine.importSlots([slot('x', id, 9), slot('x', 'abc', 1)]), 2)
    assert.equal(one.codes(), ['LOG_FORKED'])
    assert.match(one.errors[0]?.message ?? '', /an import knows more of the own slots.*fresh id/)
    assert.is.not(one.engine.replica.commits.replica?.toString(16), id)
    assert.is(one.value('x'), 10)
    await one.increment('x')
    assert.is(one.value('x'), 11, 'what is counted from now on hides behind nothing')
    const again = await restart(room, one, disk, 'again')
    assert.is(again.value('x'), 11)
  }),
)

exchange(
  'makes a peer take a fresh id of which the import says more than it counted',
  inRoom(async room => {
    const [a, b] = [await room.open('a'), await room.open('b')]
    room.link(a, b)
    await b.increment('x', 5)
    const id = b.engine.replica.commits.replica?.toString(16) as string
    await a.engine.importSlots([slot('x', id, 9)])
    await until('b took another id', () => b.codes().includes('LOG_FORKED'))
    await b.increment('x')
    await until('both agree', () => a.value('x') === 10 && b.value('x') === 10)
  }),
)

exchange(
  'runs beside counting, one import at a time, and stops with the node',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const one = await room.open('a', { disk })
    const slots = Array.from({ length: 5_000 }, (_, i) => slot(`k${i}`, 'abc', 1))
    gate.shut()
    const first = one.engine.importSlots(slots)
    await until('the first part waits', () => gate.waiting === 1)
    assert.is((await refusal('a second import', one.engine.importSlots(slots))).code, 'NOT_READY')
    const count = one.increment('mine')
    gate.step()
    await until('the next write waits', () => gate.waiting === 1)
    gate.step()
    await within('a count does not wait for the whole import', count)
    one.engine.retire(new TallymeshError('NODE_CLOSED', 'the node is closed'))
    gate.open()
    const stopped = await refusal('the import stops', first)
    assert.is(stopped.code, 'NODE_CLOSED')
    assert.match(stopped.message, /not complete; repeat it/)
    assert.is((await refusal('nor does another begin', one.engine.importSlots(slots))).code, 'NODE_CLOSED')
  }),
)

exchange(
  'goes through a failed write: what was in flight is in doubt and counts on, what waited is kept',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const one = await room.open('a', { disk })
    await one.increment('x')
    gate.shut()
    disk.failure = new Error('no space')
    const doubtful = one.increment('x')
    await until('the write waits', () => gate.waiting === 1)
    const kept = one.engine.importSlots([slot('y', 'abc', 3)])
    await turn()
    await turn()
    assert.is(one.engine.replica.commits.extra.size > 0, true)
    gate.step()
    assert.is((await refusal('the count in flight', doubtful)).code, 'INDETERMINATE')
    gate.open()
    assert.is(await within('the import', kept), 1)
    assert.is(one.value('y'), 3)
    gate.shut()
    disk.failure = new Error('no space')
    const lost = one.engine.importSlots([slot('y', 'abc', 4)])
    await until('the write waits', () => gate.waiting === 1)
    gate.open()
    assert.is((await refusal('the import in flight', lost)).code, 'INDETERMINATE')
    await until('it has recovered', () => one.engine.refusal === undefined)
    await within('the next count', one.increment('x'))
    assert.is(await one.engine.importSlots([slot('y', 'abc', 4)]), 0, 'what was in flight was carried again')
    const again = await restart(room, one, disk, 'again')
    assert.equal([again.value('x'), again.value('y')], [3, 4])
  }),
)

exchange(
  'ends also where it rode along with the last part of a large commit',
  inRoom(async room => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const one = await room.open('a', { disk })
    await one.increment('x')
    gate.shut()
    for (let i = 0; i < 3_000; i++) one.increment(`k${i}`)
    await until('the first part waits', () => gate.waiting === 1)
    const late = one.increment('k2999', 5)
    const imported = one.engine.importSlots([slot('y', 'abc', 3)])
    await until('the import is carried', () => one.engine.replica.commits.extra.size > 0)
    gate.open()
    assert.is(await within('the import', imported), 1)
    await within('the late count', late)
    const again = await restart(room, one, disk, 'again')
    assert.equal([again.value('k2999'), again.value('y')], [6, 3])
  }),
)

exchange.run()
