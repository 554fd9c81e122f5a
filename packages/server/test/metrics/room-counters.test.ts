import { counterKey } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RoomCounters, seriesLabels } from '../../src/metrics/room-counters.js'

const test = suite('the room’s counters as series')

test('carry the name and the labels', () => {
  assert.is(seriesLabels('orders'), '{counter="orders"}')
  assert.is(seriesLabels(counterKey('orders', { region: 'eu', a: '1' })), '{counter="orders",a="1",region="eu"}')
  assert.is(seriesLabels(counterKey('a{b\\c"d', { x: 'q"\\' })), '{counter="a{b\\\\c\\"d",x="q\\"\\\\"}')
})

test('rename labels that belong to others, and none into another', () => {
  assert.is(
    seriesLabels(counterKey('x', { counter: '1', le: '2', quantile: '3', __name__: '4' })),
    '{counter="x",label___name__="4",label_counter="1",label_le="2",label_quantile="3"}',
  )
  assert.is(
    seriesLabels(counterKey('x', { counter: '1', label_counter: '2', label_label_counter: '3' })),
    '{counter="x",label_label_label_counter="1",label_counter="2",label_label_counter="3"}',
  )
})

function* many(count: number, unsafe = 0n) {
  for (let at = 0; at < count; at++) yield { key: `k${at}`, increments: BigInt(at) + unsafe, decrements: 1n }
}

test('stand in three families, and name how many were left out', async () => {
  const room = new RoomCounters(2)
  const text = await room.text(many(5), () => 5)
  assert.equal(
    text.split('\n').filter(line => line !== '' && !line.startsWith('#')),
    [
      'tallymesh_counter_increments_total{counter="k0"} 0',
      'tallymesh_counter_increments_total{counter="k1"} 1',
      'tallymesh_counter_decrements_total{counter="k0"} 1',
      'tallymesh_counter_decrements_total{counter="k1"} 1',
      'tallymesh_counter_value{counter="k0"} -1',
      'tallymesh_counter_value{counter="k1"} 0',
      'tallymesh_metrics_counters_left_out 3',
    ],
  )
  assert.match(await room.text(many(2), () => 2), /left_out 0\n/)
  assert.match(await room.text([], () => 0), /# TYPE tallymesh_counter_value gauge\n/)
  assert.match(await room.text(many(1, 2n ** 60n), () => 1), /increments_total\{counter="k0"\} 1152921504606846976\n/)
})

test('keep no more labels than a few scrapes need', async () => {
  const room = new RoomCounters(3)
  for (let at = 0; at < 20; at++) {
    const text = await room.text([{ key: `key-${at}`, increments: 1n, decrements: 0n }], () => 1)
    assert.match(text, new RegExp(`counter_value\\{counter="key-${at}"\\} 1\n`))
  }
})

test('let other work run between slices', async () => {
  let turns = 0
  const timer = setInterval(() => turns++, 0)
  await new RoomCounters(10_000).text(many(10_000), () => 10_000)
  clearInterval(timer)
  assert.ok(turns > 0)
})

test.run()
