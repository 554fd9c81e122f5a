import { decodeLogUpdate, type ReplicaId, storeId } from '@tallymesh/crdt'
import { encodeMessage, type Message, type Replica } from '@tallymesh/replica'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FrameReader } from './frame-reader.js'
import { checkGrowth } from './growth.js'
import { checkHistories } from './histories.js'
import { Positions } from './position.js'
import { breaks, commit, stagedDisk, stagedReplica } from './staged-room.js'

const test = suite('the checks at rest')

function settled(node: string, replica: Replica) {
  const disk = stagedDisk(node)
  for (const log of replica.room.logs.values()) disk.clocks.set(log.id, log.clock)
  return { node, disk, replica, keys: [], read: () => ({ increments: 0n, decrements: 0n }) }
}

test('a node at rest has written all, and holds no more than what is live', () => {
  const replica = stagedReplica()
  for (let i = 0; i < 500; i++) commit(replica)
  const node = settled('a', replica)
  checkGrowth(node, true)
  const id = replica.commits.replica as ReplicaId
  node.disk.clocks.set(id, replica.room.log(id).clock - 1)
  breaks('not-durable', () => checkGrowth(node, true), /goes to 500, on its disk to 499/)
  checkGrowth(node, false)
  replica.commits.increment(replica.cell('k' as Parameters<Replica['cell']>[0]), 1)
  breaks('not-settled', () => checkGrowth(node, false))
})

test('a log that is too long, in pieces or incomplete is found', () => {
  const shape = {
    complete: true,
    clock: 80,
    head: 0,
    structs: 80,
    live: { weight: 16 },
    pendingStructs: null as object | null,
  }
  const grown = (own: boolean, changes: Partial<typeof shape>) => {
    const { pendingStructs, ...rest } = { ...shape, ...changes }
    const log = { id: 5, ...rest, doc: { store: { pendingStructs, pendingDs: null } } }
    const commits = { replica: own ? 5 : 6 }
    const replica = { settled: true, commits, room: { logs: new Map([[5, log]]) } } as unknown as Replica
    checkGrowth({ ...settled('a', stagedReplica()), replica }, false)
  }
  grown(true, { clock: 71, structs: 73 })
  breaks('elements', () => grown(true, { clock: 72 }), /72 elements for live entries that weigh 16/)
  grown(false, { clock: 142, structs: 144 })
  breaks('elements', () => grown(false, { clock: 144 }))
  grown(true, { clock: 200, head: 140, structs: 62 })
  breaks('structs', () => grown(true, { clock: 70, structs: 73 }))
  breaks('pending', () => grown(true, { clock: 70, structs: 70, pendingStructs: {} }))
})

test('logs that are equally long are the same', () => {
  const origin = stagedReplica(0.25)
  const updates = [commit(origin), commit(origin)].flatMap(({ logs }) => logs.map(({ append }) => append?.update))
  const copy = stagedReplica(0.5)
  copy.load({ log: origin.commits.replica as ReplicaId, updates: updates as Uint8Array[] })
  assert.is(checkHistories([settled('a', origin), settled('b', copy)]), 1)
  // The same id, and other counts.
  const other = stagedReplica(0.25)
  commit(other, 3)
  breaks('id-shared', () => checkHistories([settled('a', origin), settled('b', other)]), /a and b both count under/)
  other.commits.abandon()
  breaks('clocks', () => checkHistories([settled('a', origin), settled('b', other)]))
  const twin = stagedReplica(0.25)
  commit(twin, 3)
  commit(twin, 3)
  twin.commits.abandon()
  breaks('two-histories', () => checkHistories([settled('a', origin), settled('b', twin)]))
  twin.room.forked.add(origin.commits.replica as ReplicaId)
  checkHistories([settled('a', origin), settled('b', twin)])
})

test('positions are read as they are written', () => {
  const positions = new Positions()
  const read = (position: string) => positions.marksOf('a', position).map(({ log, clock }) => [log, clock])
  assert.equal(read(''), [])
  assert.equal(read('1f:3'), [[31, 3]])
  assert.equal(read('1f:40'), [[31, 40]])
  assert.equal(read('1f:40,2:1'), [
    [31, 40],
    [2, 1],
  ])
  assert.equal(read('1f:41'), [[31, 41]])
  assert.equal(read('1f0:5'), [[496, 5]])
  assert.equal(read('1fffffffffffff:6'), [[Number.MAX_SAFE_INTEGER, 6]])
  assert.equal(read('1fffffffffffff:6'), [[Number.MAX_SAFE_INTEGER, 6]])
})

const uint = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.maxSafeNat())
const id = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }))
const log = id.map(value => value as ReplicaId)
const word = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const STORES = ['0', 'a'].map(digit => storeId(digit.repeat(32)))

test('frames are read as they were written', () => {
  const clocks = fc.record({ log, clock: uint, lo: word, hi: word })
  const mark = fc.record({ store: fc.constantFrom(...STORES), log, clock: uint })
  const message: fc.Arbitrary<Message> = fc.oneof(
    fc.record({ type: fc.constant('clocks' as const), full: fc.boolean(), logs: fc.array(clocks) }),
    fc.record({ type: fc.constant('durable' as const), marks: fc.array(mark) }),
    fc.record({ type: fc.constant('pull' as const), log, clock: uint }),
    fc.record({ type: fc.constant('ping' as const), replica: log, linked: fc.array(log), lo: word, hi: word }),
  )
  fc.assert(
    fc.property(message, sent => {
      assert.equal(seen(sent), expected(sent))
    }),
  )
})

test('of an update, its end is read', () => {
  const replica = stagedReplica()
  for (let i = 0; i < 300; i++) commit(replica)
  const own = replica.room.log(replica.commits.replica as ReplicaId)
  assert.ok(own.head > 0)
  for (const from of [0, 1, own.head - 1, own.head, own.clock - 1, own.clock]) {
    for (const bytesMax of [1, 500, 1e6]) {
      const { bytes, end } = own.diff(from, bytesMax)
      const { deletedTo, elements } = decodeLogUpdate(own.id, bytes)
      const wanted = elements.length > 0 || deletedTo > from ? [`${own.id} up to ${end}`] : []
      assert.is(elements.length > 0 ? deletedTo + elements.length : end, end)
      assert.equal(seen({ type: 'diff', log: own.id, update: bytes, more: false }), wanted)
      assert.equal(seen({ type: 'update', log: own.id, update: bytes }), wanted)
    }
  }
  const cut = own.diff(0, 500).bytes.subarray(0, 3)
  assert.throws(() => seen({ type: 'update', log: own.id, update: cut }), /ends too early/)
})

/** What a reader sees in a message of the first store. */
function seen(message: Message): string[] {
  const all: string[] = []
  const reader = new FrameReader({
    live: id => all.push(`live ${id}`),
    wants: () => true,
    speaks: (log, clock) => all.push(`${log} up to ${clock}`),
    holds: (log, clock) => all.push(`holds ${log} up to ${clock}`),
  })
  const { kind, body } = encodeMessage(message)
  reader.read(kind, body, STORES[0] as string)
  return all
}

function expected(message: Message): string[] {
  if (message.type === 'ping') return [`live ${message.replica}`]
  if (message.type === 'clocks') return message.logs.map(({ log, clock }) => `${log} up to ${clock}`)
  if (message.type !== 'durable') return []
  const own = message.marks.filter(({ store }) => store === STORES[0])
  return own.map(({ log, clock }) => `holds ${log} up to ${clock}`)
}

test.run()
