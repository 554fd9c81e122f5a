// deadline: 300 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { allShow, inCluster } from './cluster.js'
import { Tally } from './tally.js'
import { until } from './until.js'

const crash = suite('crashes')
const KEYS = ['orders', 'visits', 'stock{shelf="1"}', 'stock{shelf="2"}']

crash(
  "a killed node has its own values and its peers' as soon as it is open again",
  inCluster(async cluster => {
    const [a, b, c] = await cluster.startAll('a', 'b', 'c')
    assert.ok(a && b && c)
    await Promise.all([a.add('orders', 3), b.add('orders', 40), c.add('orders', 500), a.add('stock', -2)])
    await allShow([a, b, c], 'orders', 543)
    await until('everything to be durable on all', async () => {
      const lags = (await Promise.all([a, b, c].map(node => node.call('members')))).flat().map(({ lag }) => lag)
      return lags.every(lag => lag === 0) || `lags ${lags.join(' ')}`
    })
    const before = await c.replica()
    await c.kill()
    await a.add('orders', 6_000)
    // While the others are held, what it shows comes from its disk.
    for (const other of [a, b]) other.pause()
    const alone = await cluster.start('c', { peers: [] })
    assert.equal(await alone.call('counters'), [
      ['orders', 543],
      ['stock', -2],
    ])
    assert.is(await alone.replica(), before)
    for (const other of [a, b]) other.resume()
    await alone.linked(2)
    await alone.add('orders', 70_000)
    await allShow([a, b, alone], 'orders', 76_543)
  }),
)

crash(
  'all nodes killed at once under load have everything acknowledged again, under the same ids',
  inCluster(async cluster => {
    const nodes = await cluster.startAll('a', 'b', 'c')
    const tally = new Tally()
    const stops = nodes.map(node => tally.load(node, KEYS))
    await until('some load', () => tally.acknowledgements > 300)
    await Promise.all(nodes.map(node => node.kill()))
    await Promise.all(stops.map(stop => stop()))
    const again = await cluster.startAll('a', 'b', 'c')
    await tally.agreed(again)
    await Promise.all(again.map(node => tally.add(node, 'orders', 1)))
    await tally.agreed(again)
    for (const node of again) {
      assert.is((await node.call('stats')).logs, 3, 'a crash takes no new id')
      assert.equal(node.errors, [])
    }
  }),
)

// Round after round of it, with other nodes in each, is test/faults/crash-loop.
crash.run()
