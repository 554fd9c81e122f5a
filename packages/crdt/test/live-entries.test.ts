import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CounterKey, counterKey, Digest, entryIdentity, replicaId, Table } from '../src/index.js'
import { LiveEntries } from '../src/live-entries.js'
import { settlement } from './log-samples.js'

const test = suite('live-entries')
const LOG = replicaId(7)

/** What it takes out of a digest. */
function hashOf(live: LiveEntries, identity: string): [number, number] {
  const digest = new Digest()
  live.subtract(identity, digest)
  return [-digest.lo >>> 0, -digest.hi >>> 0]
}

test('it knows what a map of the last entries knows', () => {
  const anySet = fc.record({ identity: fc.constantFrom('a', 'b', '__proto__', 'constructor', '\u0001x', 'é') })
  const anySets = fc.array(fc.tuple(anySet, fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(3)), {
    maxLength: 60,
    size: 'max',
  })
  fc.assert(
    fc.property(anySets, fc.nat(40), fc.nat(40), (sets, from, length) => {
      const live = new LiveEntries(LOG, new Table())
      const twin = new Map<string, { clock: number; lo: number; hi: number }>()
      let clock = 0
      for (const [{ identity }, lo, hi, step] of sets) {
        clock += step
        live.set(identity, clock, lo, hi)
        twin.set(identity, { clock, lo, hi })
      }
      const digest = new Digest()
      for (const [identity, { clock, lo, hi }] of twin) {
        digest.add(lo, hi)
        assert.is(live.clockOf(identity), clock)
        assert.equal(hashOf(live, identity), [lo, hi])
      }
      assert.ok(live.digest.equals(digest))
      assert.is(live.size, twin.size)
      const inRange = (to: number) => [...twin.values()].filter(({ clock }) => clock >= from && clock < to).length
      assert.is(live.liveIn(from, from + length), inRange(from + length))
      assert.is(live.liveIn(from, 2 ** 48), inRange(2 ** 48))
    }),
  )
})

test('what it never met has no clock and no hash', () => {
  const live = new LiveEntries(LOG, new Table())
  assert.is(live.clockOf('a'), -1)
  assert.equal(hashOf(live, 'a'), [0, 0])
  assert.is(live.liveIn(0, 5), 0)
})

test('what lists much weighs as much, until it is replaced or deleted', () => {
  const live = new LiveEntries(LOG, new Table())
  live.take({ kind: 'slot', key: counterKey('k'), p: 1, n: 0 }, 1, 1, 0)
  live.take(settlement(1, 500), 2, 2, 1)
  live.take(settlement(2, 0), 3, 3, 2)
  assert.equal([live.size, live.weight], [3, 502])
  assert.equal(
    ['k', 'never there', entryIdentity(settlement(1, 0))].map(identity => live.weightOf(identity)),
    [1, 0, 500],
  )
  live.take(settlement(1, 7), 4, 4, 3)
  assert.equal([live.size, live.weight], [3, 9])
  live.delete(entryIdentity(settlement(1, 0)))
  assert.equal([live.size, live.weight], [2, 2])
})

test('the end of a range is not in it, however the range is walked', () => {
  const live = new LiveEntries(LOG, new Table())
  for (let clock = 0; clock < 10; clock++) live.set(`k${clock}`, clock, 1, 1)
  for (let to = 0; to <= 12; to++) assert.is(live.liveIn(0, to), Math.min(to, 10))
})

test('what is deleted counts no longer, and its place is used again', () => {
  const live = new LiveEntries(LOG, new Table())
  live.set('\u0001a', 1, 10, 20)
  live.set('\u0001b', 2, 30, 40)
  live.set('slot', 2, 7, 8)
  live.delete('\u0001a')
  live.delete('\u0001never there')
  assert.equal([live.size, live.clockOf('\u0001a'), live.liveIn(0, 2)], [2, -1, 0])
  live.set('\u0001c', 3, 5, 6)
  const digest = new Digest()
  for (const [lo, hi] of [
    [30, 40],
    [7, 8],
    [5, 6],
  ] as const)
    digest.add(lo, hi)
  assert.ok(live.digest.equals(digest))
  assert.equal(live.othersBelow(3), ['\u0001b'])
  assert.equal(live.othersBelow(2), [])
})

test('looking for a key gives it no id', () => {
  const table = new Table()
  const live = new LiveEntries(LOG, table)
  assert.is(live.clockOf('a'), -1)
  live.subtract('a', new Digest())
  assert.is(table.size, 0)
  live.set('a', 3, 1, 2)
  assert.equal([table.size, live.clockOf('a')], [1, 3])
})

test('slots stand in the rows of the table, and are live only where this log says so', () => {
  const table = new Table()
  for (const key of ['x', 'y', 'z'] as CounterKey[]) table.merge(LOG, table.idOf(key), 5, 0)
  for (let i = 0; i < 40; i++) table.merge(LOG, table.idOf(`other-${i}` as CounterKey), 5, 0)
  const live = new LiveEntries(LOG, table)
  live.set('new', 3, 1, 2)
  assert.equal(
    ['x', 'y', 'z', 'new'].map(key => live.clockOf(key)),
    [-1, -1, -1, 3],
  )
  assert.equal(hashOf(live, 'x'), [0, 0])
  live.set('y', 0, 3, 4)
  assert.equal([live.size, live.clockOf('y'), live.liveIn(0, 1)], [2, 0, 1])
  const again = new LiveEntries(LOG, table)
  assert.equal([again.size, again.clockOf('y')], [0, -1])
})

test('a log whose id was folded whole has rows all the same', () => {
  const table = new Table()
  table.remove(LOG)
  const live = new LiveEntries(LOG, table)
  for (const [clock, key] of ['a', 'b', 'a'].entries()) live.set(key, clock, 1, 1)
  assert.equal([live.size, live.clockOf('a'), live.clockOf('b'), table.slots], [2, 2, 1, 0])
})

test.run()
