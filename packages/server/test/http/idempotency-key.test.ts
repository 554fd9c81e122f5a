import { newOperationId } from 'tallymesh'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { operationOf } from '../../src/http/idempotency-key.js'
import { ask, inServerLab, meshed, post } from '../lab.js'

const test = suite('idempotency-key')

const keyed = (key: string) => ({ 'idempotency-key': key })

test('a key is a UUID, or is hashed to an id that carries no time', () => {
  const uuid = newOperationId()
  assert.is(operationOf(uuid), uuid)
  assert.is(operationOf(`"${uuid}"`), uuid)
  assert.is(operationOf(undefined), undefined)
  const hashed = operationOf('order 17') as string
  assert.match(hashed, /^[0-9a-f]{12}8[0-9a-f]{19}$/)
  assert.is(operationOf('"order 17"'), hashed)
  assert.is.not(operationOf('order 18'), hashed)
  assert.is(operationOf('x'.repeat(64))?.length, 32)
  for (const wrong of ['', '""', 'x'.repeat(65), 'a"b', 'a\\b', 'é', 'a\tb'])
    assert.throws(() => operationOf(wrong), /Idempotency-Key/)
})

test('a request with a key counts once, on whichever nodes it is sent', () =>
  inServerLab(async lab => {
    const a = await lab.start('a')
    const b = await lab.start('b', { peers: [a.url.replace('http', 'ws')] })
    await meshed(a, b)
    for (const key of [newOperationId(), 'order 17', '"order 18"']) {
      for (const server of [a, b, a, b]) {
        const answer = await post(server, '/v1/counters/orders', { add: 5 }, keyed(key))
        assert.is(answer.status, 200, answer.text)
      }
    }
    for (const server of [b, a, b]) {
      const answer = await post(
        server,
        '/v1/counters',
        [
          { key: 'x', add: 1 },
          { key: 'y', add: -2 },
        ],
        keyed('batch'),
      )
      assert.is(answer.status, 200, answer.text)
    }
    for (const [key, value] of [
      ['orders', 15],
      ['x', 1],
      ['y', -2],
    ] as const) {
      assert.is((await ask(b, `/v1/counters/${key}`)).json.value, value)
    }
  })())

test('what cannot be is refused with its status, and counts nothing', () =>
  inServerLab(async lab => {
    const a = await lab.start('a')
    const key = newOperationId()
    await post(a, '/v1/counters/orders', { add: 5 }, keyed(key))
    const refused: ReadonlyArray<readonly [string, object, string, number, string, boolean | 'perhaps']> = [
      ['/v1/counters/orders', { add: 6 }, key, 409, 'OPERATION_MISMATCH', false],
      ['/v1/counters/other', { add: 5 }, key, 409, 'OPERATION_MISMATCH', false],
      ['/v1/counters/orders', { add: 1 }, `01900000${key.slice(8)}`, 410, 'OPERATION_EXPIRED', 'perhaps'],
      ['/v1/counters/orders', { add: 1 }, `ff000000${key.slice(8)}`, 400, 'INVALID_OPERATION', false],
      ['/v1/counters/orders', { add: 1 }, '', 400, 'INVALID_OPERATION', false],
      ['/v1/counters/orders', { add: 1 }, 'x'.repeat(65), 400, 'INVALID_OPERATION', false],
      [
        '/v1/counters',
        Array.from({ length: 1_001 }, (_, at) => ({ key: `k${at}`, add: 1 })),
        'many',
        413,
        'OPERATION_TOO_LARGE',
        false,
      ],
    ]
    for (const [path, body, header, status, code, counted] of refused) {
      const answer = await post(a, path, body, keyed(header))
      assert.equal([answer.status, answer.json.code, answer.json.counted], [status, code, counted], answer.text)
    }
    assert.is((await ask(a, '/v1/counters/orders')).json.value, 5)
  })())

test.run()
