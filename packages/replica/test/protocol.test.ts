import { replicaId, storeId, TallymeshError } from '@tallymesh/crdt'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeMessage, encodeMessage, KIND, type Message } from '../src/index.js'
import { Prng } from './prng.js'

const test = suite('protocol')

const anyUint32 = fc.nat(0xffffffff)
const anyLog = fc.maxSafeNat().map(id => replicaId(id || 1))
const anyStore = fc.array(fc.nat(15), { minLength: 32, maxLength: 32 })
const anyMark = fc
  .tuple(anyStore, anyLog, fc.maxSafeNat())
  .map(([digits, log, clock]) => ({ store: storeId(digits.map(digit => digit.toString(16)).join('')), log, clock }))
const anyState = fc
  .tuple(anyLog, fc.maxSafeNat(), anyUint32, anyUint32)
  .map(([log, clock, lo, hi]) => ({ log, clock, lo, hi }))
const anyName = fc.stringMatching(/^[a-zé0-9:/.-]{1,80}$/)
const anyMember = fc
  .tuple(anyMark, anyName, fc.array(anyName, { maxLength: 8 }))
  .map(([{ store }, name, urls]) => ({ store, name, urls }))
const anyBytes = fc.uint8Array({ maxLength: 300 })

const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.tuple(fc.boolean(), fc.array(anyState)).map(([full, logs]) => ({ type: 'clocks' as const, full, logs })),
  fc.tuple(anyLog, fc.maxSafeNat()).map(([log, clock]) => ({ type: 'pull' as const, log, clock })),
  fc.tuple(anyLog, anyBytes, fc.boolean()).map(([log, update, more]) => ({ type: 'diff' as const, log, update, more })),
  fc.tuple(anyLog, anyBytes).map(([log, update]) => ({ type: 'update' as const, log, update })),
  fc
    .tuple(
      fc.integer({ min: 1 }),
      fc.boolean(),
      fc.boolean(),
      fc.array(anyLog.map(log => ({ log, clock: log % 1_000 }))),
    )
    .map(([number, whole, more, logs]) => ({ type: 'stand' as const, number, whole, more, logs })),
  fc.array(anyMember).map(members => ({ type: 'members' as const, members })),
  fc.array(anyMark).map(marks => ({ type: 'durable' as const, marks })),
  fc
    .tuple(fc.option(anyLog), fc.array(anyLog), anyUint32, anyUint32)
    .map(([replica, linked, lo, hi]) => ({ type: 'ping' as const, replica: replica ?? (0 as const), linked, lo, hi })),
)

/** Decodes; any refusal but FRAME_DAMAGED fails the test. */
function read(kind: number, body: Uint8Array): Message | undefined {
  try {
    return decodeMessage(kind, body)
  } catch (error) {
    assert.instance(error, TallymeshError)
    assert.is((error as TallymeshError).code, 'FRAME_DAMAGED')
    return undefined
  }
}

test('every message reads back as it was written', () => {
  fc.assert(
    fc.property(anyMessage, message => {
      const { kind, body } = encodeMessage(message)
      assert.equal(decodeMessage(kind, body), message)
    }),
  )
})

test('a message that was cut short is refused, even where its buffer goes on', () => {
  fc.assert(
    fc.property(anyMessage, fc.double({ min: 0, max: 0.999, noNaN: true }), (message, part) => {
      const { kind, body } = encodeMessage(message)
      const length = Math.floor(body.length * part)
      assert.is(read(kind, body.slice(0, length)), undefined)
      assert.is(read(kind, body.subarray(0, length)), undefined)
    }),
  )
})

test('bytes after the end are refused', () => {
  fc.assert(
    fc.property(anyMessage, message => {
      const { kind, body } = encodeMessage(message)
      assert.is(read(kind, Uint8Array.from([...body, 0])), undefined)
    }),
  )
})

test('a flipped bit gives another message or a refusal, never another error', () => {
  fc.assert(
    fc.property(anyMessage, fc.nat(), (message, at) => {
      const { kind, body } = encodeMessage(message)
      const flipped = body.slice()
      const bit = at % (body.length * 8)
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      const other = read(kind, flipped)
      if (other) assert.not.equal(other, message)
    }),
  )
})

test('garbage of any kind is refused', () => {
  const prng = new Prng(7)
  for (let i = 0; i < 20_000; i++) read(prng.pick(Object.values(KIND)), prng.bytes(prng.int(60)))
  for (const kind of [-1, 0, 15, 21, 255, 1e9, Number.NaN]) assert.is(read(kind, new Uint8Array(4)), undefined)
})

test('numbers past 2^53 - 1 are refused wherever they stand', () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]
  assert.is(read(KIND.ping, Uint8Array.from([...huge, 0, 0, 0, 0, 0, 0, 0, 0, 0])), undefined)
  assert.is(read(KIND.clocks, Uint8Array.from([1, 1, 5, ...huge, 0, 0, 0, 0, 0, 0, 0, 0])), undefined)
  assert.is(read(KIND.clocks, Uint8Array.from([1, ...huge])), undefined)
})

test('members with names or addresses that nobody may have are refused', () => {
  const store = storeId('a'.repeat(32))
  const members = (name: string, urls: string[]) => encodeMessage({ type: 'members', members: [{ store, name, urls }] })
  for (const [name, urls] of [
    ['', []],
    ['a\n', []],
    ['x'.repeat(257), []],
    ['a', ['']],
    ['a', Array(9).fill('ws://a')],
  ] as const) {
    const { kind, body } = members(name, [...urls])
    assert.is(read(kind, body), undefined)
  }
})

test('a list that claims more than a frame may hold is refused at once', () => {
  assert.is(read(KIND.durable, Uint8Array.from([0xff, 0xff, 0x03, 0])), undefined)
})

test('a state vector of another log, an unknown flag and an unknown sync type are refused', () => {
  const { kind, body } = encodeMessage({ type: 'pull', log: replicaId(5), clock: 9 })
  assert.equal([...body], [5, 0, 3, 1, 5, 9])
  assert.is(read(kind, Uint8Array.from([5, 0, 3, 1, 6, 9])), undefined)
  assert.is(read(kind, Uint8Array.from([5, 0, 3, 2, 5, 9])), undefined)
  assert.is(read(kind, Uint8Array.from([5, 0, 4, 1, 5, 9, 0])), undefined)
  assert.is(read(kind, Uint8Array.from([5, 3, 0])), undefined)
  assert.is(read(kind, Uint8Array.from([5, 1, 0, 2])), undefined)
})

test.run()
