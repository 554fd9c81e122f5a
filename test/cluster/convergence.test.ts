import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { allShow, inCluster } from './cluster.js'
import { Tally } from './tally.js'
import { until } from './until.js'

const convergence = suite('convergence')

convergence(
  'three nodes that all count show the same totals',
  inCluster(async cluster => {
    const nodes = await cluster.startAll('a', 'b', 'c')
    const tally = new Tally()
    const keys = ['orders', 'visits{region="eu"}', 'stock']
    const stops = nodes.map(node => tally.load(node, keys))
    await until('some counting on three nodes', () => tally.acknowledgements > 600)
    await Promise.all(stops.map(stop => stop()))
    await Promise.all(nodes.map(node => tally.add(node, 'stock', -5)))
    await tally.agreed(nodes)
    assert.is(tally.attempts, tally.acknowledgements)
    for (const node of nodes) {
      const members = await node.call('members')
      assert.equal(members.map(({ name, state }) => `${name} ${state}`).sort(), ['a up', 'b up', 'c up'])
      assert.equal(node.errors, [])
    }
  }),
)

convergence(
  'a partition stops nobody from counting, and healing converges',
  inCluster(async cluster => {
    // a stands on one side, b and c on the other. What crosses goes through the proxies that the nodes advertise; b and
    // c know each other's own address besides.
    const proxies = { a: await cluster.proxy('a'), b: await cluster.proxy('b'), c: await cluster.proxy('c') }
    const listen = async (name: 'a' | 'b' | 'c') => ({
      port: (await cluster.plan(name)).listen.port,
      advertise: [proxies[name].url],
    })
    const direct = async (name: string) => `ws://127.0.0.1:${(await cluster.plan(name)).listen.port}/`
    const b = await cluster.start('b', { listen: await listen('b'), peers: [] })
    const c = await cluster.start('c', { listen: await listen('c'), peers: [await direct('b')] })
    await Promise.all([b.linked(1), c.linked(1)])
    const a = await cluster.start('a', { listen: await listen('a'), peers: [proxies.b.url, proxies.c.url] })
    const nodes = [a, b, c]
    await Promise.all(nodes.map(node => node.linked(2)))
    const tally = new Tally()
    await tally.add(a, 'orders', 100)
    await allShow(nodes, 'orders', 100)

    for (const proxy of Object.values(proxies)) proxy.cut()
    await Promise.all([a.linked(0), b.linked(1), c.linked(1)])
    const stops = nodes.map(node => tally.load(node, ['orders', 'visits']))
    await until('counting on both sides', () => tally.acknowledgements > 400)
    await Promise.all(stops.map(stop => stop()))
    await until('b and c to agree', async () => (await b.value('orders')) === (await c.value('orders')))
    assert.is(tally.attempts, tally.acknowledgements, 'every count was acknowledged on its own side')
    assert.is.not(await a.value('orders'), await b.value('orders'))
    await until('a to see b and c down', async () => {
      const states = (await a.call('members')).map(({ name, state }) => `${name} ${state}`)
      return (states.includes('b down') && states.includes('c down')) || states.join(', ')
    })

    for (const proxy of Object.values(proxies)) proxy.heal()
    await tally.agreed(nodes)
    await Promise.all(nodes.map(node => node.linked(2)))
  }),
)

convergence(
  'a process that is held for a while is seen as down, and catches up',
  inCluster(async cluster => {
    const [a, b] = await cluster.startAll('a', 'b')
    assert.ok(a && b)
    await a.add('orders', 1)
    await allShow([a, b], 'orders', 1)
    b.pause()
    await until('b to be seen as down', () => a.peers.some(({ name, state }) => name === 'b' && state === 'down'))
    await a.call('burst', 'orders', 500)
    b.resume()
    await b.add('orders', 7)
    await allShow([a, b], 'orders', 508)
    assert.is((await a.call('stats')).logs, 2, 'nobody took another id')
  }),
)

convergence(
  'a peer that missed an update and restarts before it catches up gets it',
  inCluster(async cluster => {
    const proxy = await cluster.proxy('a')
    const port = (await cluster.plan('a')).listen.port
    const a = await cluster.start('a', { listen: { port, advertise: [proxy.url] } })
    const listen = { port: (await cluster.plan('b')).listen.port, advertise: [] }
    const b = await cluster.start('b', { listen, peers: [proxy.url] })
    await Promise.all([a.linked(1), b.linked(1)])
    await a.add('orders', 1)
    await allShow([a, b], 'orders', 1)

    proxy.cut()
    await Promise.all([a.linked(0), b.linked(0)])
    for (let i = 0; i < 20; i++) await a.add('orders', 1)
    await b.add('orders', 100)
    await b.kill()
    const again = await cluster.start('b')
    assert.is(await again.value('orders'), 101)
    await again.add('orders', 1_000)
    proxy.heal()
    await a.add('orders', 1)
    await allShow([a, again], 'orders', 1_122)

    // Once more from the disk alone: the update was stored where it belongs.
    await until('b to confirm it as durable', async () => {
      const lags = (await a.call('members')).map(({ lag }) => lag)
      return lags.every(lag => lag === 0) || `lags ${lags.join(' ')}`
    })
    proxy.cut()
    await again.kill()
    assert.is(await (await cluster.start('b')).value('orders'), 1_122)
  }),
)

convergence.run()
