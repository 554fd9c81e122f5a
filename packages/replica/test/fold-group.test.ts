import { absorbedUnder, counterKey, replicaId, Table } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FoldGroup } from '../src/fold-group.js'
import { SlotCursor } from '../src/slot-cursor.js'

const test = suite('fold group')
const KEY = counterKey('orders')
const OWN = replicaId(1)
const OLD = replicaId(2)

test('what is folded of a slot is what is absorbed, also where it rose since it was found', () => {
  const table = new Table()
  const at = table.idOf(KEY)
  table.merge(absorbedUnder(OWN), at, 100, 0)
  table.merge(OLD, at, 10, 3)
  const cursor = new SlotCursor(table, OLD, () => true)
  assert.ok(cursor.more())
  table.merge(OLD, at, 25, 4)
  const group = new FoldGroup(table, OWN)
  group.add(cursor)
  assert.equal(group.entries(7), [
    { kind: 'absorbed', key: KEY, p: 125, n: 4 },
    { kind: 'fold', replica: OLD, number: 7, slots: [{ key: KEY, p: 25, n: 4 }] },
  ])
})

test('what fits no absorbed slot stays', () => {
  const table = new Table()
  const at = table.idOf(KEY)
  table.merge(absorbedUnder(OWN), at, Number.MAX_SAFE_INTEGER, 0)
  table.merge(OLD, at, 1, 0)
  const group = new FoldGroup(table, OWN)
  group.add(new SlotCursor(table, OLD, () => true))
  assert.equal([group.any, group.entries(7)], [false, []])
})

test.run()
