import { MemoryDisk } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { inLab } from './lab.js'
import { refusal, thrown, within } from './wait.js'

const counter = suite('counter')
const MAX = Number.MAX_SAFE_INTEGER

counter(
  'counts up and down at once, durable when its promise resolves',
  inLab(async lab => {
    const node = await lab.memory('a')
    const orders = node.counter('orders', { region: 'eu' })
    assert.is(orders.key, 'orders{region="eu"}')
    assert.is(orders.value, 0)
    const counted = orders.increment(5)
    assert.is(orders.value, 5)
    await Promise.all([counted, orders.decrement(), orders.decrement(2)])
    assert.is(orders.value, 2)
    assert.is(orders.valueBigInt, 2n)
    assert.equal(orders.totals, { increments: 5n, decrements: 3n })
    assert.is(node.counter('orders', { region: 'eu' }), orders)
    assert.is(node.counterByKey('orders{region="eu"}'), orders)
    assert.is(node.counter('orders').value, 0)
    assert.is(thrown(() => node.counter('')).code, 'INVALID_NAME')
    assert.is(thrown(() => node.counterByKey('a{')).code, 'INVALID_NAME')
  }),
)

counter(
  'refuses amounts that are none, and counts nothing then',
  inLab(async lab => {
    const node = await lab.memory('a')
    const orders = node.counter('orders')
    for (const amount of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, MAX + 1, '1' as unknown as number]) {
      assert.is((await refusal('the increment is refused', orders.increment(amount))).code, 'INVALID_AMOUNT')
      assert.is((await refusal('the decrement is refused', orders.decrement(amount))).code, 'INVALID_AMOUNT')
    }
    const options = { replicas: 0 }
    assert.is((await refusal('the increment is refused', orders.increment(1, options))).code, 'INVALID_OPTION')
    assert.is((await refusal('the decrement is refused', orders.decrement(1, options))).code, 'INVALID_OPTION')
    assert.equal(orders.totals, { increments: 0n, decrements: 0n })
    assert.equal([...node.counters()], [])
  }),
)

counter(
  'refuses what would overflow, and counts nothing then',
  inLab(async lab => {
    const node = await lab.memory('a')
    const orders = node.counter('orders')
    await orders.increment(MAX)
    const error = await refusal('the increment is refused', orders.increment(1))
    assert.is(error.code, 'COUNTER_OVERFLOW')
    await orders.decrement(MAX)
    assert.is((await refusal('the decrement is refused', orders.decrement(1))).code, 'COUNTER_OVERFLOW')
    assert.equal(orders.totals, { increments: BigInt(MAX), decrements: BigInt(MAX) })
    assert.is(orders.value, 0)
  }),
)

counter(
  'never tells a value that no number holds',
  inLab(async lab => {
    const shared = new MemoryDisk()
    const first = await lab.memory('a', {}, shared)
    await first.counter('big').increment(MAX)
    await first.counter('small').increment()
    await first.close()
    // Without a witness the second process counts under another id, into a slot of its own.
    const node = await lab.memory('a', {}, shared)
    const big = node.counter('big')
    assert.is(big.value, MAX)
    big.increment(11)
    const more = big.decrement()
    for (const stage of ['pending', 'durable']) {
      assert.is(thrown(() => big.value).code, 'VALUE_UNSAFE', stage)
      assert.is(big.valueBigInt, BigInt(MAX) + 10n, stage)
      assert.equal(big.totals, { increments: BigInt(MAX) + 11n, decrements: 1n }, stage)
      assert.is(thrown(() => [...node.counters()]).code, 'VALUE_UNSAFE', stage)
      assert.equal([...node.counters({ prefix: 's' })], [['small', 1]], stage)
      await more
    }
    await big.decrement(20)
    assert.is(big.value, MAX - 10)
  }),
)

counter(
  'shares one promise within a turn, which nobody has to await',
  inLab(async lab => {
    const node = await lab.memory('a')
    const a = node.counter('a')
    const b = node.counter('b')
    const first = a.increment()
    for (let i = 0; i < 100; i++) assert.is(a.increment(), first)
    assert.is(b.decrement(2), first)
    assert.is(b.increment(2, {}), first)
    assert.is(a.increment(1, { replicas: 1 }), first)
    await first
    assert.is(node.stats.commits, 1)
    const second = a.increment()
    assert.is.not(second, first)
    await second
    assert.is(node.stats.commits, 2)
  }),
)

counter(
  'is watched: the value at once, then each change, until the node closes',
  inLab(async lab => {
    const node = await lab.memory('a')
    const orders = node.counter('orders')
    const seen: number[] = []
    const watching = (async () => {
      for await (const value of orders.watch()) {
        seen.push(value)
        if (value === 2) void node.close()
      }
    })()
    orders.increment()
    await orders.increment()
    await within('the loop ends with the node', watching)
    assert.ok(seen.includes(2))
    assert.equal(seen, [...new Set(seen)].sort())
    for await (const value of orders.watch()) assert.unreachable(`a closed node told ${value}`)
  }),
)

counter.run()
