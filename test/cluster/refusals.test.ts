import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { allShow, inCluster } from './cluster.js'
import { Stranger } from './stranger.js'
import { until } from './until.js'

const refusals = suite('refused peers')

refusals(
  'a wrong token links with nobody, and the node that has it says so',
  inCluster(async cluster => {
    const a = await cluster.start('a', { token: 'correct-horse' })
    const c = await cluster.start('c', { token: 'correct-horse' })
    await Promise.all([a.linked(1), c.linked(1)])
    const b = await cluster.start('b', { token: 'battery-staple' })
    await Promise.all([a.add('orders', 1), b.add('orders', 20), c.add('orders', 300)])
    const told = await b.reported('UNAUTHORIZED')
    assert.match(told.message, /token/)
    await allShow([a, c], 'orders', 301)
    assert.is(await b.value('orders'), 20)
    assert.is((await b.call('stats')).links, 0)
    for (const node of [a, b, c]) assert.not.match(JSON.stringify(node.errors), /correct-horse|battery-staple/)

    await b.close()
    const right = await cluster.start('b', { token: 'correct-horse' })
    await allShow([a, right, c], 'orders', 321)
  }),
)

refusals(
  'a wrong room links with nobody, and both sides say so',
  inCluster(async cluster => {
    const a = await cluster.start('a')
    const b = await cluster.start('b', { room: 'warehouse' })
    await Promise.all([a.add('orders', 1), b.add('orders', 20)])
    for (const node of [a, b]) {
      const { message } = await node.reported('WRONG_ROOM')
      assert.match(message, /shop/)
      assert.match(message, /warehouse/)
    }
    assert.is(await a.value('orders'), 1)
    assert.is(await b.value('orders'), 20)
    assert.is((await a.call('members')).length, 1)
  }),
)

refusals(
  'a peer of another version is told which one is spoken here',
  inCluster(async cluster => {
    const a = await cluster.start('a')
    const url = `ws://127.0.0.1:${a.options.listen?.port}/`
    const stranger = await Stranger.hello(url, { version: 99 })
    await stranger.ended()
    assert.is(stranger.told?.code, 'WRONG_VERSION')
    assert.match(stranger.told?.message ?? '', /99/)
    assert.match((await a.reported('WRONG_VERSION')).message, /99.*release/)
    await a.add('orders', 1)
    assert.is((await a.call('stats')).links, 0)
  }),
)

refusals(
  'a removed member is refused until it comes with an empty directory',
  inCluster(async cluster => {
    const [a, b] = await cluster.startAll('a', 'b')
    assert.ok(a && b)
    await Promise.all([a.add('orders', 1), b.add('orders', 20)])
    await allShow([a, b], 'orders', 21)
    await b.kill()
    await until('b to be seen as down', async () => {
      return (await a.call('members')).some(({ name, state }) => name === 'b' && state === 'down')
    })
    await a.call('removeMember', 'b')
    const refused = await cluster.start('b')
    await refused.reported('MEMBER_REMOVED')
    await until('it to count no more', () =>
      refused.add('orders', 300).then(
        () => false,
        error => /removed from the room/.test(String(error)),
      ),
    )
    assert.is((await refused.call('stats')).links, 0)
    await refused.kill()
    cluster.wipe('b')
    const fresh = await cluster.start('b')
    await allShow([a, fresh], 'orders', 21)
  }),
)

refusals.run()
