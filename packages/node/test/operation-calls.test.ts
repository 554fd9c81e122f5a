import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newOperationId } from '../src/index.js'
import { agreed, inLab, meshed } from './lab.js'
import { refusal, turn, until } from './wait.js'

const calls = suite('operation calls')

calls(
  'an operation counts once on one node, and is told from another one of the same id',
  inLab(async lab => {
    const a = await lab.memory('a')
    const operation = newOperationId()
    const orders = a.counter('orders')
    await Promise.all([
      orders.increment(5, { operation }),
      orders.increment(5, { operation }),
      orders.increment(5, { operation }),
    ])
    assert.is(orders.value, 5)
    await orders.increment(5, { operation: operation.toUpperCase() })
    assert.is(orders.value, 5)
    assert.is((await refusal('it is refused', orders.increment(6, { operation }))).code, 'OPERATION_MISMATCH')
    assert.is((await refusal('it is refused', orders.decrement(5, { operation }))).code, 'OPERATION_MISMATCH')
    assert.is(
      (await refusal('it is refused', a.counter('other').increment(5, { operation }))).code,
      'OPERATION_MISMATCH',
    )
    await orders.decrement(2, { operation: newOperationId() })
    assert.equal(orders.totals, { increments: 5n, decrements: 2n })
  }),
)

calls(
  'an operation counts once on whichever nodes it is tried, and on many keys',
  inLab(async lab => {
    const a = await lab.memory('a', { listen: { port: 0 } })
    const b = await lab.memory('b', { peers: [a.url as string] })
    await meshed(a, b)
    const operation = newOperationId()
    const adds = [
      { key: 'stock', add: -3 },
      { key: 'orders', add: 1 },
      { key: 'stock', add: -4 },
    ]
    await Promise.all([a.add(adds, { operation }), b.add([...adds].reverse(), { operation })])
    await agreed([a, b], 'stock', -7)
    await agreed([a, b], 'orders', 1)
    await b.add(adds, { operation, replicas: 2 })
    await a.add(adds, { operation, replicas: 'majority' })
    await agreed([a, b], 'stock', -7)
    assert.is(
      (await refusal('it is refused', b.add([{ key: 'orders', add: 1 }], { operation }))).code,
      'OPERATION_MISMATCH',
    )
  }),
)

calls(
  'what breaks the rules is refused, and counts nothing',
  inLab(async lab => {
    const a = await lab.memory('a')
    const orders = a.counter('orders')
    for (const operation of ['', 'x', 7, `${newOperationId()}0`]) {
      assert.is(
        (await refusal('it is refused', orders.increment(1, { operation: operation as string }))).code,
        'INVALID_OPERATION',
      )
    }
    const operation = newOperationId()
    const keys = Array.from({ length: 1_001 }, (_, at) => ({ key: `k${at}`, add: 1 }))
    assert.is((await refusal('it is refused', a.add(keys, { operation }))).code, 'OPERATION_TOO_LARGE')
    const old = `01900000${operation.slice(8)}`
    assert.is((await refusal('it is refused', orders.increment(1, { operation: old }))).code, 'OPERATION_EXPIRED')
    await orders.increment(1)
    assert.is(orders.value, 1)
  }),
)

calls(
  'a node that not every member knows takes no operations until it is known',
  inLab(async lab => {
    const a = await lab.memory('a', { peers: ['ws://127.0.0.1:9'] })
    const orders = a.counter('orders')
    const early = await refusal('it is refused', orders.increment(1, { operation: newOperationId(), timeoutMs: 30 }))
    assert.is(early.code, 'OPERATIONS_UNAVAILABLE')
    assert.equal(a.stats.operations, {
      ...{ known: 0, open: 0, oldestMs: 0, max: 500_000 },
      ...{ admitted: false, waitsFor: [] },
    })
    await orders.increment(1)
    assert.is(orders.value, 1)
  }),
)

calls(
  'what was counted is there after a restart, and is recognized',
  inLab(async lab => {
    const a = await lab.open('a')
    const operation = newOperationId()
    await a.counter('orders').increment(5, { operation })
    await a.close()
    const again = await lab.open('a')
    assert.is(again.counter('orders').value, 5)
    await again.counter('orders').increment(5, { operation })
    assert.is(again.counter('orders').value, 5)
  }),
)

calls(
  'as many may be open as the node keeps, while a member is away',
  inLab(async lab => {
    const a = await lab.memory('a', { listen: { port: 0 }, operationsMax: 2 })
    const b = await lab.memory('b', { peers: [a.url as string] })
    await meshed(a, b)
    const orders = a.counter('orders')
    await orders.increment(1, { operation: newOperationId() })
    await until('it is settled', () => a.stats.operations.open === 0)
    await b.close()
    const operation = newOperationId()
    await orders.increment(1, { operation })
    await orders.increment(1, { operation: newOperationId() })
    assert.is(
      (await refusal('it is refused', orders.increment(1, { operation: newOperationId() }))).code,
      'OPERATIONS_FULL',
    )
    assert.equal(a.stats.operations.waitsFor, ['b'])
    await until('the oldest is a heartbeat old', () => a.stats.operations.oldestMs >= 10)
    await orders.increment(1, { operation })
    await orders.increment(1)
    assert.is(orders.value, 4)
  }),
)

calls(
  'operations are forgotten after their window, and early where there are too many; late retries count nothing',
  inLab(async lab => {
    const a = await lab.memory('a', { retryWindowMs: 1_000, heartbeatMs: 10, operationsMax: 50 })
    const orders = a.counter('orders')
    const first = newOperationId()
    await orders.increment(1, { operation: first })
    let taken = 1
    while (taken < 300) {
      await turn()
      taken += await orders.increment(1, { operation: newOperationId() }).then(
        () => 1,
        () => 0,
      )
      assert.ok(a.stats.operations.known <= 101)
    }
    assert.is((await refusal('it is forgotten', orders.increment(1, { operation: first }))).code, 'OPERATION_EXPIRED')
    assert.is(orders.value, 300)
    await until('all are forgotten', () => a.stats.operations.known === 0)
    assert.is(orders.value, 300)
  }),
)

calls(
  'an export holds every operation that was acknowledged before it, or says that it cannot',
  inLab(async lab => {
    const a = await lab.memory('a', { listen: { port: 0 } })
    const b = await lab.memory('b', { peers: [a.url as string] })
    await meshed(a, b)
    for (let at = 0; at < 50; at++) await a.counter('orders').increment(1, { operation: newOperationId() })
    let exported = 0
    for (const { increments } of await a.exportSlots()) exported += increments
    assert.is(exported, 50)
  }),
)

calls.run()
