import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Batch } from '../src/batch.js'
import { newOperationId, TallymeshClientError } from '../src/index.js'
import { ageMs, checkOperation, endedBy, madeAtMs, OPERATION_SIZE } from '../src/operation.js'
import { throwsCode } from './failing.js'

const test = suite('operation')

test('ids are UUIDs of version 7, each another, with the time at which they were made', () => {
  const beforeMs = Date.now()
  const ids = Array.from({ length: 1_000 }, newOperationId)
  const afterMs = Date.now()
  assert.is(new Set(ids).size, ids.length)
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const madeMs = Number.parseInt(id.slice(0, 13).replace('-', ''), 16)
    assert.ok(madeMs >= beforeMs && madeMs <= afterMs, id)
    assert.is(checkOperation(id), id)
  }
  for (const digit of [15, 16, 17, 20, 21, 22, 24, 35])
    assert.is(new Set(ids.map(id => id[digit])).size, 16, `digit ${digit} takes every value`)
})

test('what is no UUID is refused and not shown', () => {
  assert.is(checkOperation(undefined), undefined)
  for (const id of ['', 'order-17', `${newOperationId()}0`, newOperationId().replaceAll('-', ''), 5, null, {}]) {
    const error = throwsCode(() => checkOperation(id), 'INVALID_OPTION')
    assert.match(error.message, /^operation must be a UUID, got .*; nothing was sent$/)
  }
})

test('an id of another version is made now, and none is from the future', () => {
  const age = (id: string): number => ageMs({ madeAtMs: madeAtMs(id) })
  assert.ok(age('00000000-0001-4000-8000-000000000000') < 1_000)
  assert.is(age('ffffffff-ffff-7000-8000-000000000000'), 0)
  assert.ok(age('00000000-0001-7000-8000-000000000000') > 1e12)
})

test('what a server takes in one operation is never passed', () => {
  const anyAmount = fc.tuple(fc.nat(40), fc.boolean()).map(([bits, up]) => (up ? 1 : -1) * 2 ** bits)
  const anyAmounts = fc.array(anyAmount, { minLength: 1, maxLength: 50 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), anyAmounts, (keys, amounts) => {
      const batch = new Batch(1_000, OPERATION_SIZE)
      const sums = Array.from({ length: keys }, () => [0, 0] as [plus: number, minus: number])
      const keyOf = (i: number) => `${'é'.repeat(100)}${i}`
      let refused = false
      for (let i = 0; i < 3_000 && !refused; i++) {
        const [at, amount] = [i % keys, amounts[i % amounts.length] as number]
        refused = batch.add(keyOf(at), amount, true) === undefined
        if (!refused) (sums[at] as [number, number])[amount > 0 ? 0 : 1] += Math.abs(amount)
      }
      let bytes = integerBytes(batch.keys)
      for (const [i, [plus, minus]] of sums.slice(0, batch.keys).entries()) {
        const { length } = new TextEncoder().encode(keyOf(i))
        bytes += integerBytes(length) + length + integerBytes(plus) + integerBytes(minus)
      }
      const text = `${batch.keys} keys of ${bytes} bytes, ${refused ? 'and no more' : 'all that were added'}`
      assert.ok(bytes <= 24 * 1024 && (!refused || bytes > 24 * 1024 - 240), text)
    }),
  )
})

/** Of an integer as a server writes it: seven bits to a byte. */
function integerBytes(value: number): number {
  return Math.max(1, Math.ceil(value.toString(2).length / 7))
}

test('a refusal proves nothing of earlier attempts', () => {
  const operation = { id: newOperationId(), additions: [{ key: 'a', add: 1 }], again: false, madeAtMs: 0 }
  const refusal = new TallymeshClientError('COUNTER_OVERFLOW', 'full', { url: 'u', node: 'n', status: 409 })
  const certain = endedBy(refusal, operation, false)
  assert.equal([certain.code, certain.counted, certain.message], ['COUNTER_OVERFLOW', false, 'full'])
  const open = endedBy(refusal, operation, true)
  assert.equal(
    [open.code, open.counted, open.status, open.url, open.node],
    ['COUNTER_OVERFLOW', 'perhaps', 409, 'u', 'n'],
  )
  assert.equal([open.operation, open.additions], [operation.id, operation.additions])
  const stopped = endedBy(new TallymeshClientError('ABORTED', 'stop', { cause: 5 }), operation, true)
  assert.equal([stopped.code, stopped.counted, stopped.cause], ['INDETERMINATE', 'perhaps', 5])
  const counted = endedBy(new TallymeshClientError('NOT_REPLICATED', 'late', { counted: true }), operation, true)
  assert.is(counted.counted, true)
  assert.is(endedBy(refusal, undefined, true), refusal)
})

test.run()
