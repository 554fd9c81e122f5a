import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NO_KNOWN_KEYS, readEntry } from '../src/entry.js'
import { type Entry, entryIdentity, LIST_IDS_MAX, replicaId } from '../src/index.js'
import { bytesOf } from './encoded.js'
import { throwsCode } from './samples.js'

const test = suite('fold entry')
const VERSION = 3

function read(...numbers: number[]): Entry {
  const encoder = encoding.createEncoder()
  for (const number of [14, ...numbers]) encoding.writeVarUint(encoder, number)
  return readEntry(decoding.createDecoder(encoding.toUint8Array(encoder)), NO_KNOWN_KEYS, VERSION)
}

test('a fence lists ids, each as what it is above the one before', () => {
  assert.equal(read(7, 3, 5, 1, 10), { kind: 'fence', number: 7, ids: [5, 6, 16] })
  assert.equal([...bytesOf({ kind: 'fence', number: 7, ids: [5, 6, 16].map(replicaId) })], [14, 7, 3, 5, 1, 10])
})

test('a fence that names nothing, an id twice, none that is one, or too many is refused', () => {
  throwsCode(() => read(0, 0), 'BATCH_DAMAGED')
  throwsCode(() => read(0, 2, 5, 0), 'BATCH_DAMAGED')
  throwsCode(() => read(0, 1, 0), 'INVALID_OPTION')
  throwsCode(() => read(0, 2, Number.MAX_SAFE_INTEGER, 1), 'INVALID_OPTION')
  const most = Array.from({ length: LIST_IDS_MAX }, () => 1)
  assert.equal((read(0, LIST_IDS_MAX, ...most) as { ids?: number[] }).ids?.length, LIST_IDS_MAX)
  throwsCode(() => read(0, LIST_IDS_MAX + 1, ...most, 1), 'BATCH_DAMAGED')
})

test('the number of a fence is its identity, whatever it lists', () => {
  assert.is(entryIdentity(read(4, 1, 5)), entryIdentity(read(4, 2, 5, 1)))
  assert.is.not(entryIdentity(read(4, 1, 5)), entryIdentity(read(5, 1, 5)))
})

test.run()
