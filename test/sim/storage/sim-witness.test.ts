import { replicaId, storeId } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SimMemory, SimWitness, type SimWitnessOptions } from './sim-witness.js'

const STORE = storeId('5'.repeat(32))
const OTHER = storeId('6'.repeat(32))
const MARK = { number: 3, replica: replicaId(0x9f3), clock: 7, tip: 21, before: 14 }

const test = suite('simulated witness')

function opened(memory: SimMemory, options: Partial<SimWitnessOptions> = {}): SimWitness {
  return new SimWitness(memory, { store: STORE, place: 'a', created: false, ...options })
}

test('the next process on the same boot reads what the last one wrote', () => {
  const memory = new SimMemory()
  const first = opened(memory)
  assert.equal([first.held, first.available, first.read().state], [true, true, 'none'])
  first.write({ ...MARK, number: 2 })
  first.write(MARK)
  assert.is(first.read().state, 'none', 'it says what it said when it was opened')
  first.kill()
  const record = { ...MARK, store: STORE, bootId: memory.bootId }
  assert.equal(opened(memory).read(), { state: 'whole', record })
})

test('a process that was killed or closed writes nothing more', async () => {
  const memory = new SimMemory()
  for (const end of [(witness: SimWitness) => witness.kill(), (witness: SimWitness) => witness.close()]) {
    const witness = opened(memory)
    await end(witness)
    witness.write(MARK)
    assert.is(witness.available, false)
    assert.is(memory.capture(STORE), undefined)
  }
})

test('a second process with the same store has no witness while the first runs', () => {
  const memory = new SimMemory()
  const first = opened(memory)
  first.write(MARK)
  const second = opened(memory, { place: 'b' })
  assert.equal([second.held, second.available, second.read().state], [false, false, 'none'])
  assert.match(second.reason ?? '', /another process on this machine/)
  second.write({ ...MARK, number: 9 })
  second.kill()
  assert.is(opened(memory, { place: 'b' }).held, false, 'the second took the lock of the first with it')
  first.kill()
  const next = opened(memory)
  assert.is(next.held, true)
  const reading = next.read()
  assert.is(reading.state === 'whole' && reading.record.number, 3)
})

test('a reboot takes witnesses and locks away, and one of an earlier boot is told apart', () => {
  const memory = new SimMemory()
  const before = memory.bootId
  opened(memory).write(MARK)
  const bytes = memory.capture(STORE)
  memory.reboot()
  assert.match(memory.bootId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  assert.is.not(memory.bootId, before)
  const next = opened(memory)
  assert.equal([next.held, next.read().state], [true, 'none'])
  next.kill()
  memory.put(STORE, bytes)
  assert.is(opened(memory).read().state, 'stale-boot')
})

test('what was captured stays as it was, and comes back', () => {
  const memory = new SimMemory()
  const witness = opened(memory)
  witness.write(MARK)
  const bytes = memory.capture(STORE)
  witness.write({ ...MARK, number: 4 })
  witness.kill()
  memory.put(STORE, bytes)
  const reading = opened(memory).read()
  assert.is(reading.state === 'whole' && reading.record.number, 3)
})

test('a witness is of one store, and damage to it is seen', () => {
  const memory = new SimMemory()
  const witness = opened(memory)
  witness.write(MARK)
  witness.kill()
  assert.is(opened(memory, { store: OTHER }).read().state, 'none')
  const bytes = memory.capture(STORE) as Uint8Array
  memory.put(OTHER, bytes)
  memory.reboot()
  memory.put(OTHER, bytes)
  assert.is(opened(memory, { store: OTHER }).read().state, 'foreign')
  const torn = Uint8Array.from(bytes, (byte, i) => (i === 70 ? byte ^ 1 : byte))
  memory.put(STORE, torn)
  assert.is(opened(memory).read().state, 'torn')
})

test('a new store in the place of another tells that the directory was wiped', () => {
  const memory = new SimMemory()
  opened(memory, { created: true }).kill()
  const same = opened(memory, { created: true })
  assert.is(same.wiped, undefined)
  same.kill()
  assert.is(opened(memory, { store: OTHER, place: 'b', created: true }).wiped, undefined, 'another place')
  const restored = new SimMemory()
  opened(restored).kill()
  const copied = opened(restored, { store: OTHER, created: false })
  assert.is(copied.wiped, undefined, 'a store that was there before is no wiped directory')
  assert.is(opened(restored, { created: true }).wiped, OTHER)
})

test('the process may end as its mark is written: the mark stays', () => {
  const memory = new SimMemory()
  const witness: SimWitness = opened(memory, { written: () => witness.kill() })
  witness.write(MARK)
  witness.write({ ...MARK, number: 4 })
  const reading = opened(memory).read()
  assert.is(reading.state === 'whole' && reading.record.number, 3)
})

test.run()
