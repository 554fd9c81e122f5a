import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CounterKey, counterKey, type Entry, type ReplicaId, replicaId, safeValue, Table } from '../src/index.js'
import { anyEntry, anyKey, anyReplica, anyTotal, throwsCode } from './samples.js'

const test = suite('table')

interface Merge {
  replica: ReplicaId
  key: CounterKey
  p: number
  n: number
}

// Few replicas and keys, so that merges meet.
const pool = fc.array(anyKey, { minLength: 1, maxLength: 4 })
const anyMerges: fc.Arbitrary<Merge[]> = pool.chain(keys =>
  fc.array(
    fc.record({
      replica: fc.oneof(fc.integer({ min: 1, max: 3 }).map(replicaId), anyReplica),
      key: fc.constantFrom(...keys),
      p: anyTotal,
      n: anyTotal,
    }),
    { maxLength: 40, size: 'max' },
  ),
)

function tableOf(...merges: Merge[][]): Table {
  const table = new Table()
  for (const { replica, key, p, n } of merges.flat()) table.merge(replica, table.idOf(key), p, n)
  return table
}

/** The dumb twin: a Map of Maps of bigints. */
class Twin {
  readonly slots = new Map<CounterKey, Map<ReplicaId, { p: bigint; n: bigint }>>()

  merge({ replica, key, p, n }: Merge): boolean {
    let slots = this.slots.get(key)
    if (!slots) this.slots.set(key, (slots = new Map()))
    const old = slots.get(replica) ?? { p: 0n, n: 0n }
    const max = (a: bigint, b: number) => (BigInt(b) > a ? BigInt(b) : a)
    slots.set(replica, { p: max(old.p, p), n: max(old.n, n) })
    return BigInt(p) > old.p || BigInt(n) > old.n
  }

  totals(key: CounterKey): { increments: bigint; decrements: bigint } {
    const totals = { increments: 0n, decrements: 0n }
    for (const { p, n } of this.slots.get(key)?.values() ?? []) {
      totals.increments += p
      totals.decrements += n
    }
    return totals
  }
}

test('merging is commutative, associative and idempotent', () => {
  fc.assert(
    fc.property(anyMerges, anyMerges, anyMerges, (a, b, c) => {
      const merged = tableOf(a, b, c)
      for (const other of [tableOf(c, b, a), tableOf(b, c, a), tableOf(a, b, c, a, c, b, b)]) {
        assert.ok(merged.equals(other))
        for (const key of merged.keys()) {
          assert.equal(merged.totals(merged.idOf(key)), other.totals(other.findId(key) as number))
        }
      }
    }),
  )
})

test('it holds what a map of maps of bigints holds', () => {
  fc.assert(
    fc.property(anyMerges, merges => {
      const table = new Table()
      const twin = new Twin()
      for (const merge of merges) {
        const { replica, key, p, n } = merge
        assert.is(table.merge(replica, table.idOf(key), p, n), twin.merge(merge))
      }
      assert.is(table.size, twin.slots.size)
      for (const [key, slots] of twin.slots) {
        const id = table.findId(key) as number
        const { increments, decrements } = twin.totals(key)
        assert.is(table.keyOf(id), key)
        assert.is(table.findKey(key), key)
        assert.equal(table.totals(id), { increments, decrements })
        assert.is(table.valueBigInt(id), increments - decrements)
        const safe = increments < 2n ** 53n && decrements < 2n ** 53n
        assert.is(Number.isFinite(table.value(id)), safe)
        if (safe) assert.is(BigInt(table.value(id)), increments - decrements)
        for (const [replica, { p, n }] of slots) {
          assert.equal(table.slot(replica, id), { p: Number(p), n: Number(n) })
        }
      }
      for (const replica of table.replicas()) {
        for (const { key, p, n } of table.slotsOf(replica)) {
          assert.equal(twin.slots.get(key)?.get(replica), { p: BigInt(p), n: BigInt(n) })
        }
      }
    }),
  )
})

test('growing slots, delivered in any order and any number of times, make one plain sum', () => {
  const anyAdds = fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(1000), fc.boolean()), {
    maxLength: 60,
    size: 'max',
  })
  fc.assert(
    fc.property(anyAdds, fc.infiniteStream(fc.nat()), (adds, random) => {
      const key = counterKey('a')
      const slots = new Map<number, { p: number; n: number }>()
      const deliveries: Merge[] = []
      let sum = 0
      for (const [replica, amount, up] of adds) {
        const { p, n } = slots.get(replica) ?? { p: 0, n: 0 }
        const slot = up ? { p: p + amount, n } : { p, n: n + amount }
        sum += up ? amount : -amount
        slots.set(replica, slot)
        const delivery = { replica: replicaId(replica), key, ...slot }
        deliveries.push(delivery, delivery)
      }
      const next = () => random.next().value ?? 0
      const shuffled = deliveries.map(delivery => ({ delivery, at: next() })).sort((a, b) => a.at - b.at)
      const table = tableOf(shuffled.map(({ delivery }) => delivery))
      assert.is(table.value(table.idOf(key)), sum)
    }),
  )
})

test('totals past 2^53 - 1 stay exact', () => {
  const table = new Table()
  const id = table.idOf(counterKey('a'))
  const max = Number.MAX_SAFE_INTEGER
  table.merge(replicaId(1), id, max, 0)
  assert.is(table.value(id), max)
  table.merge(replicaId(2), id, 2, 0)
  assert.not(Number.isFinite(table.value(id)))
  assert.is(table.valueBigInt(id), BigInt(max) + 2n)
  table.merge(replicaId(3), id, 0, max)
  assert.is(table.valueBigInt(id), 2n)
  table.merge(replicaId(4), id, 0, 1)
  assert.is(table.valueBigInt(id), 1n)
  assert.not(Number.isFinite(table.value(id)))
})

test('entries of slots and adopted slots count, the others do not', () => {
  const log = replicaId(7)
  fc.assert(
    fc.property(anyEntry, (entry: Entry) => {
      const table = new Table()
      const id = table.mergeEntry(log, entry)
      const counts = (entry.kind === 'slot' || entry.kind === 'adopted') && entry.p + entry.n > 0
      assert.is(id !== -1, counts)
      if (entry.kind !== 'slot' && entry.kind !== 'adopted') return assert.is(table.size, 0)
      const { p, n } = entry
      const replica = entry.kind === 'slot' ? log : entry.replica
      assert.equal(table.slot(replica, table.findId(entry.key) as number), { p, n })
      assert.is(table.mergeEntry(log, entry), -1)
    }),
  )
})

test('what was never counted is zero', () => {
  const table = new Table()
  assert.is(table.findId(counterKey('a')), undefined)
  assert.is(table.findKey('a'), undefined)
  const id = table.idOf(counterKey('a'))
  assert.is(table.value(id), 0)
  assert.is(table.valueBigInt(id), 0n)
  assert.equal(table.slot(replicaId(1), id), { p: 0, n: 0 })
  assert.equal([...table.slotsOf(replicaId(1))], [])
  table.merge(replicaId(1), table.idOf(counterKey('b')), 1, 0)
  assert.equal(table.slot(replicaId(1), id), { p: 0, n: 0 })
})

test('equality is of slots, not of values', () => {
  const key = counterKey('a')
  const one = tableOf([{ replica: replicaId(1), key, p: 2, n: 1 }])
  assert.not(one.equals(tableOf([{ replica: replicaId(1), key, p: 1, n: 0 }])))
  assert.not(one.equals(tableOf([{ replica: replicaId(2), key, p: 2, n: 1 }])))
  assert.not(one.equals(new Table()))
  assert.not(new Table().equals(one))
  assert.ok(one.equals(tableOf([{ replica: replicaId(1), key, p: 2, n: 1 }])))
})

test('keys come sorted, with or without a prefix', () => {
  fc.assert(
    fc.property(fc.array(anyKey, { maxLength: 20 }), anyKey, fc.nat(3), (keys, other, length) => {
      const table = new Table()
      const expected: CounterKey[] = []
      const prefix = other.slice(0, length)
      for (const key of keys) {
        table.idOf(key)
        if (!expected.includes(key)) expected.push(key)
        expected.sort()
        assert.equal(table.keys(), expected)
        assert.equal(
          table.keys(prefix),
          expected.filter(known => known.startsWith(prefix)),
        )
        assert.is(table.countKeys(prefix), table.keys(prefix).length)
        for (const after of ['', prefix, ...expected]) {
          assert.equal(
            [...table.keysBehind(after, prefix)],
            expected.filter(known => known.startsWith(prefix) && known > after),
          )
        }
      }
    }),
  )
})

test('an order that is walked is not disturbed by new keys', () => {
  const table = new Table()
  for (const name of ['b', 'd', 'f']) table.idOf(counterKey(name))
  const walk = table.keysBehind('')
  assert.is(walk.next().value, 'b')
  for (const name of ['a', 'c', 'e', 'g']) table.idOf(counterKey(name))
  assert.equal(table.keys(), ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
  assert.equal([...walk], ['d', 'f'])
})

test('a value that no number holds is refused', () => {
  const key = counterKey('a')
  const max = BigInt(Number.MAX_SAFE_INTEGER)
  assert.is(safeValue(key, max), Number.MAX_SAFE_INTEGER)
  assert.is(safeValue(key, -max), -Number.MAX_SAFE_INTEGER)
  assert.match(throwsCode(() => safeValue(key, max + 1n), 'VALUE_UNSAFE').message, '9007199254740992')
  throwsCode(() => safeValue(key, -max - 1n), 'VALUE_UNSAFE')
})

test.run()
