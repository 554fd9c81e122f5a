import { TallymeshError } from '@tallymesh/crdt'
import { MemoryDisk, MemoryStore, openWitness } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cryptoRandom } from '../src/random.js'
import { Gate, inLab } from './lab.js'
import { isPending, refusal, turn, until, within } from './wait.js'

const engine = suite('engine')
const FULL = new Error('no space left on device')

engine(
  'gives the increments of a later turn another promise, durable with their own commit',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const node = await lab.memory('a', {}, disk)
    const orders = node.counter('orders')
    gate.shut()
    const first = orders.increment()
    await until('the first write waits', () => gate.waiting === 1)
    const second = orders.increment(2)
    assert.is.not(second, first)
    await turn()
    const third = orders.increment(4)
    assert.is(third, second, 'what waits for the same write shares a promise')
    gate.step()
    await within('the first commit is durable', first)
    assert.is(disk.lastCommit?.number, 1)
    assert.ok(await isPending(second))
    await until('the second write waits', () => gate.waiting === 1)
    assert.ok(await isPending(second))
    gate.open()
    await within('the second commit is durable', second)
    assert.is(disk.lastCommit?.number, 2)
    assert.is(orders.value, 7)
  }),
)

engine(
  'acknowledges a commit of many keys only when all its parts are durable',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const node = await lab.memory('a', {}, disk)
    gate.shut()
    let promise: Promise<void> | undefined
    for (let i = 0; i < 5_000; i++) {
      const counted = node.counter(`k${i}`).increment()
      promise ??= counted
      assert.is(counted, promise)
    }
    await until('the first part waits', () => gate.waiting === 1)
    const later = node.counter('k0').increment()
    assert.is.not(later, promise)
    for (const part of [1, 2]) {
      gate.step()
      await until(`part ${part} is durable and the next one waits`, () => gate.waiting === 1)
      assert.is(disk.lastCommit?.number, part)
      assert.ok(await isPending(promise as Promise<void>), `after part ${part}`)
    }
    gate.step()
    await within('all parts are durable', promise as Promise<void>)
    assert.is(disk.lastCommit?.number, 3)
    assert.ok(await isPending(later))
    gate.open()
    await within('what was counted meanwhile is durable', later)
  }),
)

engine(
  'recovers from a failed write: in flight is indeterminate and counts on, pending survives, others are refused',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const node = await lab.memory('a', {}, disk)
    const orders = node.counter('orders')
    const other = node.counter('other')
    await orders.increment(100)
    const { replica } = node.stats
    gate.shut()
    disk.failure = FULL
    const inFlight = orders.increment(10)
    await until('the write waits', () => gate.waiting === 1)
    const pending = orders.increment(1)
    other.increment(3)
    const confirmed = orders.increment(2, { replicas: 1, timeoutMs: 5_000 })
    gate.step()
    const error = await refusal('the commit in flight fails', inFlight)
    assert.is(error.code, 'INDETERMINATE')
    assert.match(error.message, /may or may not have been counted.*no space left/)
    assert.is((error.cause as TallymeshError).code, 'STORE_WRITE_FAILED')
    assert.is(node.status, 'opening')
    const refused = await refusal('counting is refused meanwhile', orders.increment(1_000))
    assert.is(refused.code, 'NOT_READY')
    assert.match(refused.message, /waits for its disk.*nothing was counted/)
    gate.open()
    await within('what was pending is durable', Promise.all([pending, confirmed]))
    assert.is(node.status, 'ready')
    assert.equal(lab.told(node).states, ['ready', 'opening', 'ready'])
    assert.is(orders.value, 113, 'the disk held 100, 3 were pending, and no value falls by the 10 in flight')
    assert.is(other.value, 3)
    assert.is(node.stats.replica, replica, 'the disk is not behind what was acknowledged')
    await orders.increment()
    assert.is(orders.value, 114)
    assert.equal(lab.codes(node), ['STORE_WRITE_FAILED', 'INDETERMINATE', 'NOT_READY'])
  }),
)

engine(
  'counts what was in flight where the disk has it after all',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const node = await lab.memory('a', {}, disk)
    const orders = node.counter('orders')
    await orders.increment(1)
    const { replica } = node.stats
    const store = storeOf(disk)
    const write = store.write.bind(store)
    store.write = async what => {
      store.write = write
      await write(what)
      throw new TallymeshError('STORE_WRITE_FAILED', 'the answer was lost')
    }
    assert.is((await refusal('the commit is in doubt', orders.increment(10))).code, 'INDETERMINATE')
    await until('the node is ready again', () => node.status === 'ready')
    assert.is(orders.value, 11)
    assert.is(node.stats.replica, replica, 'one commit ahead of the last mark is still current')
    await orders.increment()
    assert.is(orders.value, 12)
  }),
)

engine(
  'takes a fresh id where the disk fell behind what was acknowledged',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const node = await lab.memory('a', {}, disk)
    const orders = node.counter('orders')
    await orders.increment(1)
    const { replica } = node.stats
    const before = disk.copy()
    await orders.increment(10)
    disk.records.clear()
    for (const [log, records] of before.records) disk.records.set(log, new Map(records))
    disk.lastCommit = before.lastCommit
    disk.failure = FULL
    const doubtful = await refusal('the commit is in doubt', orders.increment(100))
    assert.is(doubtful.code, 'INDETERMINATE')
    await until('the node is ready again', () => node.status === 'ready')
    await orders.increment(1_000)
    assert.is.not(node.stats.replica, replica)
    assert.is(orders.value, 1_101, 'the 10 that the disk lost were known outside: they come back from peers alone')
    assert.ok(lab.codes(node).includes('STORE_BEHIND'))
  }),
)

engine(
  'tries a disk that stays full again and again, ever more rarely, and counts on afterwards',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const node = await lab.memory('a', {}, disk)
    const orders = node.counter('orders')
    await orders.increment()
    const triedMs: number[] = []
    disk.sync = async () => {
      triedMs.push(performance.now())
      if (triedMs.length < 4) throw FULL
    }
    assert.is((await refusal('the commit fails', orders.increment())).code, 'INDETERMINATE')
    assert.is(orders.value, 2)
    assert.is((await refusal('counting is refused', orders.increment())).code, 'NOT_READY')
    await until('the node is ready again', () => node.status === 'ready')
    const [, , third, fourth] = triedMs as [number, number, number, number]
    assert.ok(fourth - third > 150, `tried again after ${fourth - third} ms`)
    assert.is(orders.value, 2)
    await orders.increment()
    assert.is(orders.value, 3)
    assert.is(triedMs.length, 6, 'what was in doubt, and what came last')
  }),
)

engine(
  'waits before it opens a disk again that opens well and fails at every commit',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const node = await lab.memory('a', {}, disk)
    const orders = node.counter('orders')
    await orders.increment()
    const store = storeOf(disk)
    const write = store.write.bind(store)
    let reopened = 0
    const reopen = store.reopen.bind(store)
    store.reopen = () => {
      reopened++
      return reopen()
    }
    store.write = what => (what.logs.length === 0 ? write(what) : Promise.reject(FULL))
    const failed = await refusal('the commit fails', orders.increment())
    assert.match(failed.message, /an unexpected failure: Error: no space/)
    // What was in flight is tried again each time.
    await until('the disk is asked again', () => reopened === 1 && lab.told(node).states.length === 4)
    assert.is(node.status, 'opening')
    await until('the disk is asked again', () => reopened === 2)
    store.write = write
    await until('the node is ready again', () => node.status === 'ready')
    await orders.increment()
    assert.is(orders.value, 3)
  }),
)

engine(
  'keeps those who wait for other stores, unless their commit was written',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const node = await lab.memory('a', {}, disk)
    const orders = node.counter('orders')
    const durable = orders.increment(1, { replicas: 2, timeoutMs: 60_000 })
    await until('it is durable here', () => disk.lastCommit?.number === 1)
    await turn()
    gate.shut()
    disk.failure = FULL
    const written = orders.increment(1, { replicas: 2, timeoutMs: 60_000 })
    await until('the write waits', () => gate.waiting === 1)
    const pending = orders.increment(1, { replicas: 2, timeoutMs: 300 })
    gate.open()
    assert.is((await refusal('the written one is in doubt', written)).code, 'INDETERMINATE')
    const first = await refusal('the durable one is counted', durable)
    assert.is(first.code, 'NOT_REPLICATED')
    assert.match(first.message, /counted and durable here, but the disk failed/)
    const late = await refusal('the pending one is counted, too', pending)
    assert.is(late.code, 'NOT_REPLICATED')
    assert.match(late.message, /1 of 2 stores confirmed it in time/)
    assert.is(orders.value, 3)
  }),
)

engine(
  'fails for good where the store turns out to be corrupt, and closes',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const node = await lab.memory('a', {}, disk)
    const orders = node.counter('orders')
    await orders.increment()
    const store = storeOf(disk)
    store.reopen = () => Promise.reject(new TallymeshError('STORE_CORRUPT', 'record 17 fails its checksum'))
    disk.failure = FULL
    assert.is((await refusal('the commit is in doubt', orders.increment())).code, 'INDETERMINATE')
    await until('the node failed', () => node.status === 'failed')
    const refused = await refusal('counting is refused', orders.increment())
    assert.is(refused.code, 'NOT_READY')
    assert.match(refused.message, /the node failed \(record 17/)
    assert.is((refused.cause as TallymeshError).code, 'STORE_CORRUPT')
    assert.ok(lab.codes(node).includes('STORE_CORRUPT'))
    await within('the node closes', node.close())
    assert.equal(lab.told(node).states, ['ready', 'opening', 'failed', 'draining', 'closed'])
  }),
)

engine(
  'acknowledges nothing where the witness is stuck',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const store = new MemoryStore({ room: 'lab', random: cryptoRandom, disk })
    const witness = await openWitness({ store: store.id, runtimeDir: lab.dir('run') })
    const node = await lab.on(store, 'a', {}, witness)
    const orders = node.counter('orders')
    await orders.increment()
    witness.write = () => {
      throw new TallymeshError('WITNESS_STUCK', 'the witness can be neither written nor removed')
    }
    const gate = new Gate(disk)
    gate.shut()
    const inFlight = orders.increment(2)
    await until('the write waits', () => gate.waiting === 1)
    const pending = orders.increment(4)
    const asked = orders.increment(4, { replicas: 2 })
    gate.open()
    assert.is((await refusal('the written commit is in doubt', inFlight)).code, 'INDETERMINATE')
    assert.is((await refusal('what was pending is not counted', pending)).code, 'NOT_READY')
    assert.is((await refusal('nor confirmed', asked)).code, 'NOT_READY')
    assert.is(node.status, 'failed')
    assert.is((await refusal('counting is refused', orders.increment())).code, 'NOT_READY')
    assert.is((await refusal('so is removing', node.removeMember('b'))).code, 'MEMBER_UNKNOWN')
    assert.is(disk.lastCommit?.number, 2)
    assert.ok(lab.codes(node).includes('WITNESS_STUCK'))
    await within('the node closes', node.close())
  }),
)

engine(
  'tells the witness of a commit that a crash kept from it, before anybody else learns of it',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const runtimeDir = lab.dir('run')
    const store = new MemoryStore({ room: 'lab', random: cryptoRandom, disk })
    const first = await openWitness({ store: store.id, runtimeDir })
    const node = await lab.on(store, 'a', {}, first)
    await node.counter('orders').increment()
    // The crash: the second commit reaches the disk, and not the witness.
    first.write = () => {}
    await node.counter('orders').increment()
    const { replica } = node.stats
    await node.close()
    const again = new MemoryStore({ room: 'lab', random: cryptoRandom, disk })
    const witness = await openWitness({ store: again.id, runtimeDir })
    const reading = witness.read()
    assert.is(reading.state === 'whole' && reading.record.number, 1)
    const resumed = await lab.on(again, 'a', {}, witness)
    await resumed.close()
    const last = await openWitness({ store: again.id, runtimeDir })
    const told = last.read()
    assert.is(told.state === 'whole' && told.record.number, 2)
    assert.is(told.state === 'whole' && told.record.replica.toString(16), replica)
    await last.close()
  }),
)

engine(
  'says when the witness is lost, and goes on',
  inLab(async lab => {
    const store = new MemoryStore({ room: 'lab', random: cryptoRandom })
    const witness = await openWitness({ store: store.id, runtimeDir: lab.dir('run') })
    const node = await lab.on(store, 'a', {}, witness)
    await node.counter('orders').increment()
    assert.equal(lab.codes(node), [])
    const write = witness.write.bind(witness)
    witness.write = mark => {
      write(mark)
      witness.reason = 'the witness could not be written and was removed'
    }
    await node.counter('orders').increment()
    await node.counter('orders').increment()
    assert.equal(lab.codes(node), ['WITNESS_UNAVAILABLE'])
    assert.match(lab.told(node).errors[0]?.message ?? '', /the next start takes a fresh replica id/)
  }),
)

engine(
  'closes while it recovers: at once with nothing to save, in bounded time with something',
  inLab(async lab => {
    for (const pending of [false, true]) {
      const disk = new MemoryDisk()
      const gate = new Gate(disk)
      const node = await lab.memory('a', { closeTimeoutMs: 200 }, disk)
      const orders = node.counter('orders')
      await orders.increment()
      gate.shut()
      disk.failure = FULL
      const inFlight = orders.increment()
      await until('the write waits', () => gate.waiting === 1)
      const promise = pending ? orders.increment() : undefined
      disk.sync = () => Promise.reject(FULL)
      gate.open()
      assert.is((await refusal('the commit is in doubt', inFlight)).code, 'INDETERMINATE')
      const closed = node.close()
      assert.is((await refusal('counting is refused', orders.increment())).code, 'NODE_CLOSED')
      await within('the node closes', closed)
      assert.is(node.status, 'closed')
      if (!promise) continue
      const lost = await refusal('what was pending is not counted', promise)
      assert.is(lost.code, 'NODE_CLOSED')
      await turn()
      assert.ok(lab.told(node).errors.includes(lost), 'the loss is an event, too')
    }
  }),
)

engine(
  'saves what is pending when the disk recovers while the node closes, and stays closed to counting',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const node = await lab.memory('a', {}, disk)
    const orders = node.counter('orders')
    await orders.increment()
    gate.shut()
    disk.failure = FULL
    const inFlight = orders.increment(10)
    await until('the write waits', () => gate.waiting === 1)
    const pending = orders.increment(100)
    const closed = node.close()
    gate.step()
    assert.is((await refusal('the commit is in doubt', inFlight)).code, 'INDETERMINATE')
    await until('what is pending is written', () => gate.waiting === 1)
    assert.ok(await isPending(pending))
    assert.is((await refusal('counting is refused', orders.increment())).code, 'NODE_CLOSED')
    gate.open()
    await within('what was pending is durable', pending)
    assert.is((await refusal('counting is refused', orders.increment())).code, 'NODE_CLOSED')
    await within('the node closes', closed)
    assert.is(orders.value, 111)
    assert.equal(lab.told(node).states.slice(-2), ['draining', 'closed'])
  }),
)

engine(
  'takes no more counts once it closes, and resolves those it has',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const node = await lab.memory('a', {}, disk)
    const orders = node.counter('orders')
    gate.shut()
    const first = orders.increment()
    await until('the write waits', () => gate.waiting === 1)
    const second = orders.increment()
    const closed = node.close()
    assert.is(node.close(), closed)
    assert.is((await refusal('counting is refused', orders.increment())).code, 'NODE_CLOSED')
    gate.open()
    await within('both commits are durable', Promise.all([first, second, closed]))
    assert.is(disk.lastCommit?.number, 2)
    assert.is((await refusal('counting is refused', orders.decrement())).code, 'NODE_CLOSED')
    assert.is(orders.value, 2, 'a closed node can still be read')
  }),
)

function storeOf(disk: MemoryDisk): MemoryStore {
  assert.ok(disk.owner)
  return disk.owner as MemoryStore
}

engine.run()
