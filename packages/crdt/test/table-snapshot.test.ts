import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { counterKey, type ReplicaId, Table } from '../src/index.js'
import { anyKey, anyReplica, anyTotal } from './samples.js'

const test = suite('table snapshot')

function ordered(table: Table) {
  const snapshot = table.snapshot()
  for (const _part of snapshot.order());
  return [...snapshot]
}

test('a snapshot reads every slot, by key and replica id', () => {
  const anySlot = fc.record({ replica: anyReplica, key: anyKey, p: anyTotal, n: anyTotal })
  fc.assert(
    fc.property(fc.array(anySlot, { maxLength: 60 }), slots => {
      const table = new Table()
      for (const { replica, key, p, n } of slots) table.merge(replica as ReplicaId, table.idOf(key), p, n)
      const plain = [...table.replicas()]
        .flatMap(replica => [...table.slotsOf(replica)].map(slot => ({ replica, ...slot })))
        .filter(({ p, n }) => p > 0 || n > 0)
        .sort((a, b) => (a.key === b.key ? a.replica - b.replica : a.key < b.key ? -1 : 1))
      const read = ordered(table)
      assert.equal(
        read,
        plain.map(({ key, replica, p, n }) => ({ key, replica, p, n })),
      )
    }),
  )
})

test('later merges do not show, and it can be read again', () => {
  const table = new Table()
  const id = table.idOf(counterKey('x'))
  table.merge(1 as ReplicaId, id, 5, 0)
  const snapshot = table.snapshot()
  table.merge(1 as ReplicaId, id, 9, 0)
  table.merge(2 as ReplicaId, table.idOf(counterKey('a')), 1, 0)
  // Rows behind its own, in the same memory at first, then in longer.
  for (let i = 0; i < 40; i++) table.merge(1 as ReplicaId, table.idOf(counterKey(`later${i}`)), 1, 0)
  for (const _part of snapshot.order());
  for (let time = 0; time < 2; time++) {
    assert.equal([...snapshot], [{ key: 'x', replica: 1, p: 5, n: 0 }])
  }
  assert.equal(ordered(new Table()), [])
})

test('a large table is ordered in parts, over several runs of keys', () => {
  const table = new Table()
  const count = 20_000
  for (let i = 0; i < count; i++) {
    const id = table.idOf(counterKey(`k${(i * 7_919) % count}`))
    for (let replica = 1; replica <= 3; replica++) table.merge(replica as ReplicaId, id, i + 1, replica)
  }
  assert.is(table.slots, 3 * count)
  const snapshot = table.snapshot()
  let parts = 0
  for (const _part of snapshot.order()) parts++
  assert.ok(parts >= 6, `${parts} parts`)
  let last = ''
  let read = 0
  for (const { key, replica, p, n } of snapshot) {
    assert.ok(key >= last && replica === (read % 3) + 1 && n === replica)
    assert.is(p, table.slot(replica, table.idOf(key)).p)
    last = key
    read++
  }
  assert.is(read, 3 * count)
})

test.run()
