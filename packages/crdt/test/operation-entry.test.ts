import fc from 'fast-check'
import * as decoding from 'lib0/decoding'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { entryIdentity, NO_KNOWN_KEYS, readEntry } from '../src/entry.js'
import {
  counterKey,
  type Entry,
  freshOperationId,
  LIST_IDS_MAX,
  operationId,
  operationTimeMs,
  showOperationId,
  storeId,
} from '../src/index.js'
import { removedBy } from '../src/ledger-entry.js'
import { bytesOf, packEntries } from './encoded.js'
import { anyLedgerEntry, anyRemovals, throwsCode } from './samples.js'

const test = suite('operation-entry')
const A = operationId('01936b2e-7c1a-7d3e-9f57-2b8a6c4d1e0f')

test('what is written is read back, to the last byte, from version 3 on', () => {
  fc.assert(
    fc.property(fc.oneof(anyLedgerEntry, anyRemovals), entry => {
      const decoder = decoding.createDecoder(bytesOf(entry))
      assert.equal(readEntry(decoder, NO_KNOWN_KEYS, 3), entry)
      assert.not(decoding.hasContent(decoder))
      for (const version of [1, 2]) {
        throwsCode(() => readEntry(decoding.createDecoder(bytesOf(entry)), NO_KNOWN_KEYS, version), 'BATCH_UNSUPPORTED')
      }
    }),
  )
})

test('only what says something of operations, or lists removed stores, makes a batch one of version 3', () => {
  fc.assert(
    fc.property(fc.oneof(anyLedgerEntry, anyRemovals), entry => {
      assert.is(packEntries([{ kind: 'slot', key: counterKey('a'), p: 1, n: 0 }])[0]?.version, 1)
      assert.is(packEntries([entry], 2)[0]?.version, 3)
    }),
  )
})

test('a drop has the identity of what it drops, and a settlement takes its operations out', () => {
  const operation: Entry = { kind: 'operation', id: A, counts: [{ key: counterKey('a'), p: 1, n: 0 }] }
  assert.is(entryIdentity({ kind: 'drop', of: { operation: A } }), entryIdentity(operation))
  const settlement: Entry = { kind: 'settlement', number: 7, operations: [{ id: A, lo: 1, hi: 2 }] }
  assert.is(entryIdentity({ kind: 'drop', of: { settlement: 7 } }), entryIdentity(settlement))
  assert.equal(removedBy(settlement), [entryIdentity(operation)])
  assert.equal(removedBy(operation), [])
})

test('a list of removed stores that is empty, too long or out of order is refused', () => {
  const read = (number: number, ...stores: string[]) => {
    const ids = stores.map(storeId)
    return readEntry(decoding.createDecoder(bytesOf({ kind: 'removals', number, ids })), NO_KNOWN_KEYS, 3)
  }
  const store = (number: number) => number.toString(16).padStart(32, '0')
  const most = Array.from({ length: LIST_IDS_MAX }, (_, i) => store(i))
  assert.is(entryIdentity(read(4, store(1))), entryIdentity(read(4, ...most)))
  assert.is.not(entryIdentity(read(4, store(1))), entryIdentity(read(5, store(1))))
  for (const wrong of [[], [...most, store(999)], [store(2), store(1)], [store(1), store(1)]]) {
    throwsCode(() => read(1, ...wrong), 'BATCH_DAMAGED')
  }
})

test('an id is a UUID, and one of version 7 tells its time', () => {
  assert.is(operationTimeMs(A), 0x01936b2e7c1a)
  assert.is(showOperationId(A), '01936b2e-7c1a-7d3e-9f57-2b8a6c4d1e0f')
  assert.is(operationId('01936B2E7C1A7D3E9F572B8A6C4D1E0F'), A)
  assert.is(operationTimeMs(operationId('01936b2e-7c1a-4d3e-9f57-2b8a6c4d1e0f')), undefined)
  assert.is(operationTimeMs(operationId('01936b2e-7c1a-7d3e-cf57-2b8a6c4d1e0f')), undefined)
  for (const wrong of ['', 'x', A.slice(1), `${A}0`, `${A.slice(0, 31)}g`, 7, null, undefined, {}]) {
    throwsCode(() => operationId(wrong), 'INVALID_OPERATION')
  }
})

test('fresh ids carry their time and differ', () => {
  fc.assert(
    fc.property(
      fc.nat(2 ** 48 - 1),
      fc.array(fc.double({ min: 0, max: 0.999999, noNaN: true }), { minLength: 4, maxLength: 4 }),
      (nowMs, draws) => {
        let at = 0
        const id = freshOperationId(nowMs, () => draws[at++ % 4] as number)
        assert.is(operationId(showOperationId(id)), id)
        assert.is(operationTimeMs(id), nowMs)
      },
    ),
  )
  const ids = new Set(Array.from({ length: 1_000 }, () => freshOperationId(1, Math.random)))
  assert.is(ids.size, 1_000)
})

test.run()
