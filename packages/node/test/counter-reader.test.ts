import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { agreed, inLab, meshed } from './lab.js'
import { thrown, within } from './wait.js'

const test = suite('a counter reader')

test(
  'shows what is counted, also before it is durable, and makes no counter',
  inLab(async lab => {
    const node = await lab.open('a')
    const reader = node.reader('orders{b="2",a="1"}')
    assert.is(reader.key, 'orders{a="1",b="2"}')
    assert.equal(reader.totals, { increments: 0n, decrements: 0n })
    assert.is(node.stats.keys, 0)
    const durable = node.counterByKey(reader.key).increment(5)
    assert.is(reader.value, 5n)
    await durable
    await node.counterByKey(reader.key).decrement(7)
    assert.equal(reader.totals, { increments: 5n, decrements: 7n })
    assert.is(thrown(() => node.reader('a{')).code, 'INVALID_NAME')
  }),
)

test(
  'shows what other nodes counted, and watches it',
  inLab(async lab => {
    const a = await lab.open('a')
    const b = await lab.open('b', { peers: [a.url as string] })
    await meshed(a, b)
    const values = a.reader('orders').watch()
    assert.is((await values.next()).value, 0n)
    const next = values.next()
    await b.counter('orders').increment(3)
    assert.is((await within('the change is seen', next)).value, 3n)
    const max = Number.MAX_SAFE_INTEGER
    await Promise.all([a.counter('orders').increment(max), b.counter('orders').increment(max - 3)])
    for await (const value of values) if (value === 2n * BigInt(max)) break
    assert.is(a.reader('orders').value, 2n * BigInt(max))
  }),
)

test(
  'walks all counters that were counted, in order, from any place',
  inLab(async lab => {
    const a = await lab.open('a')
    const b = await lab.open('b', { peers: [a.url as string] })
    await meshed(a, b)
    a.counter('never')
    for (const name of ['k3', 'k1', 'x', 'k2', 'k10']) await a.counter(name).increment()
    await agreed([a, b], 'k10', 1)
    for (const node of [a, b]) {
      const keys = (options = {}) => [...node.readers(options)].map(({ key }) => key)
      assert.equal(keys(), ['k1', 'k10', 'k2', 'k3', 'x'])
      assert.equal(keys({ prefix: 'k' }), ['k1', 'k10', 'k2', 'k3'])
      assert.equal(keys({ prefix: 'k', after: 'k10' }), ['k2', 'k3'])
      assert.equal(keys({ after: 'k2' }), ['k3', 'x'])
      assert.equal(keys({ prefix: 'y' }), [])
      assert.is(node.keyCount('k'), 4)
    }
    assert.is(b.keyCount(), 5)
  }),
)

test.run()
