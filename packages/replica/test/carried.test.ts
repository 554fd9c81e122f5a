import { counterKey, type OtherEntry, replicaId, storeId } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Carried, joinEntries } from '../src/carried.js'

const test = suite('carried')

const KEY = counterKey('orders')
const [X, Y, Z] = [replicaId(1), replicaId(2), replicaId(3)]
const NONE: ReadonlySet<typeof X> = new Set()
const adopted = (p: number, n = 0): OtherEntry => ({ kind: 'adopted', replica: Z, key: KEY, p, n })
const fork: OtherEntry = { kind: 'fork', replica: Z }
const member = (removed: boolean, name = 'a'): OtherEntry => {
  return { kind: 'member', store: storeId('a'.repeat(32)), name, urls: [], removed }
}

test('a slot is covered by a log that carries at least as much of it', () => {
  const carried = new Carried()
  carried.note(X, adopted(5, 2))
  assert.ok(carried.covers(adopted(5, 2), Y, NONE))
  assert.not.ok(carried.covers(adopted(6, 0), Y, NONE))
  assert.not.ok(carried.covers(adopted(0, 3), Y, NONE))
  carried.note(X, adopted(6, 1))
  assert.ok(carried.covers(adopted(6, 2), Y, NONE))
})

test('what the log itself or a frozen one carries covers nothing', () => {
  const carried = new Carried()
  carried.note(X, fork)
  assert.ok(carried.covers(fork, Y, NONE))
  assert.not.ok(carried.covers(fork, X, NONE))
  assert.not.ok(carried.covers(fork, Y, new Set([X])))
})

test('a removal is covered by a removal only', () => {
  const carried = new Carried()
  carried.note(X, member(false))
  assert.ok(carried.covers(member(false), Y, NONE))
  assert.not.ok(carried.covers(member(true), Y, NONE))
  carried.note(Y, member(true))
  assert.ok(carried.covers(member(true), Z, NONE))
})

test('a forgotten log carries nothing', () => {
  const carried = new Carried()
  carried.note(X, fork)
  carried.note(X, adopted(1))
  carried.note(Y, adopted(2))
  assert.equal([...carried.of(X)], [fork, adopted(1)])
  carried.forget(X)
  assert.equal([...carried.of(X)], [])
  assert.not.ok(carried.covers(fork, Z, NONE))
  assert.ok(carried.covers(adopted(2), Z, NONE))
})

test('two entries say together the larger slot, the later name, and a removal for good', () => {
  assert.equal(joinEntries(adopted(5, 1), adopted(3, 2)), adopted(5, 2))
  assert.equal(joinEntries(member(true, 'a'), member(false, 'b')), member(true, 'b'))
  assert.equal(joinEntries(fork, fork), fork)
})

test.run()
