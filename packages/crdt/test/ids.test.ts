import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshReplicaId, replicaId, showReplicaId, storeId } from '../src/index.js'
import { anyReplica, throwsCode } from './samples.js'

const test = suite('ids')

test('a replica id is an integer from 1 to 2^53 - 1', () => {
  assert.is(replicaId(1), 1)
  assert.is(replicaId(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
  for (const value of [0, -1, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, '1' as unknown as number]) {
    throwsCode(() => replicaId(value), 'INVALID_OPTION')
  }
})

test('a store id is 32 lower-case hexadecimal digits', () => {
  assert.is(storeId('0123456789abcdef0123456789abcdef'), '0123456789abcdef0123456789abcdef')
  for (const text of ['', '0', 'G'.repeat(32), 'A'.repeat(32), '0'.repeat(33), `${'0'.repeat(32)}\n`]) {
    throwsCode(() => storeId(text), 'INVALID_OPTION')
  }
})

test('a fresh id takes 53 random bits and is never 0', () => {
  const draws = [0, 2 ** -54, 0.5]
  assert.is(
    freshReplicaId(() => draws.shift() as number),
    2 ** 52,
  )
  assert.is(
    freshReplicaId(() => 1 - 2 ** -53),
    Number.MAX_SAFE_INTEGER,
  )
})

test('it is shown in hexadecimal, and told apart by it', () => {
  fc.assert(
    fc.property(anyReplica, id => {
      assert.is(Number.parseInt(showReplicaId(id), 16), id)
    }),
  )
})

test.run()
