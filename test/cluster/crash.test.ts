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
  'all nodes killed at once have everything acknowledged again',
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
  }),
)

crash(
  'kills at random moments under load lose and double nothing, round after round',
  inCluster(async cluster => {
    const names = ['a', 'b', 'c']
    const nodes = new Map((await cluster.startAll(...names)).map(node => [node.name, node]))
    const tally = new Tally()
    for (let round = 1; round <= 6; round++) {
      const stops = [...nodes.values()].map(node => tally.load(node, KEYS, 4))
      const enough = tally.acknowledgements + 20 + Math.floor(Math.random() * 200)
      await until(`the load of round ${round}`, () => tally.acknowledgements >= enough)
      const victims = names.filter((_, i) => ((round >> i) & 1) === 1)
      await Promise.all(victims.map(name => nodes.get(name)?.kill()))
      await Promise.all(stops.map(stop => stop()))
      for (const name of victims) nodes.set(name, await cluster.start(name))
      await tally.agreed([...nodes.values()])
    }
    const stats = await Promise.all([...nodes.values()].map(node => node.call('stats')))
    assert.equal(
      stats.map(({ logs }) => logs),
      [3, 3, 3],
      'everyday crashes take no new ids',
    )
    for (const node of nodes.values()) assert.equal(node.errors, [])
  }),
)

crash.run()
