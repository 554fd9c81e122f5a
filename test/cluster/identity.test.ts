// deadline: 300 s
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openNode } from 'tallymesh'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { inCluster } from './cluster.js'
import { until } from './until.js'

const identity = suite('identity')
/** More than what is let grow below: one struct for each would show. */
const RESTARTS = 160

identity(
  'an everyday crash and restart keeps the replica id',
  inCluster(async cluster => {
    const a = await cluster.start('a')
    await a.add('orders', 1)
    const id = await a.replica()
    assert.ok(id)
    let node = a
    for (const value of [2, 3, 4]) {
      await node.kill()
      node = await cluster.start('a')
      assert.is(await node.replica(), id)
      await node.add('orders')
      assert.is(await node.value('orders'), value)
    }
    assert.equal(node.errors, [])
  }),
)

identity(
  `${RESTARTS} restarts, some of them crashes, grow nothing`,
  inCluster(async cluster => {
    const { name, dataDir, runtimeDir } = await cluster.plan('a')
    const options = { name, dataDir, room: 'shop', ...(runtimeDir === undefined ? {} : { runtimeDir }) }
    let afterTen = { structs: 0, bytes: 0 }
    for (let restart = 1; restart <= RESTARTS; restart++) {
      if (restart % 40 === 0) {
        const node = await cluster.start('a')
        await node.add('orders')
        await node.kill()
      } else {
        const node = await openNode(options)
        await node.counter('orders').increment()
        assert.is(node.counter('orders').value, restart)
        assert.is(node.stats.logs, 1)
        if (restart === 10) afterTen = { structs: node.stats.structs, bytes: 0 }
        await node.close()
      }
      if (restart === 10) afterTen = { ...afterTen, bytes: bytesOf(dataDir) }
    }
    const node = await openNode(options)
    try {
      const { logs, keys, structs } = node.stats
      assert.is(node.counter('orders').value, RESTARTS)
      assert.equal([logs, keys], [1, 1])
      // Both are bounded by the live counters, with a floor that one counter does not reach.
      assert.ok(structs <= afterTen.structs + 130, `${structs} structs, ${afterTen.structs} after ten restarts`)
      const bytes = bytesOf(dataDir)
      console.log(`${structs} structs and ${bytes} bytes, after ten restarts ${afterTen.structs} and ${afterTen.bytes}`)
      assert.ok(bytes < afterTen.bytes + 256 * 1024, `${bytes} bytes on disk, ${afterTen.bytes} after ten restarts`)
    } finally {
      await node.close()
    }
  }),
)

identity(
  'a node that never counts takes no id',
  inCluster(async cluster => {
    const [a, reader] = await cluster.startAll('a', 'reader')
    assert.ok(a && reader)
    await a.add('orders', 4)
    await until('the reader to read', async () => (await reader.value('orders')) === 4)
    // It shows what came before it is on its disk.
    await until('the reader to have it on its disk', async () =>
      (await a.call('members')).every(({ lag }) => lag === 0),
    )
    assert.is(await reader.replica(), undefined)
    await reader.kill()
    const again = await cluster.start('reader')
    assert.is(await again.value('orders'), 4)
    assert.is(await again.replica(), undefined)
    assert.is((await a.call('stats')).logs, 1)
    const names = (await a.call('members')).map(({ name }) => name)
    assert.equal(names.sort(), ['a', 'reader'], 'it is a member all the same')
  }),
)

identity(
  'without a witness every start that counts takes a fresh id, and the counts add up',
  inCluster(async cluster => {
    const ids = new Set<string | undefined>()
    for (let start = 1; start <= 4; start++) {
      const node = await cluster.start('a', { runtimeDir: false })
      await node.add('orders')
      ids.add(await node.replica())
      assert.is(await node.value('orders'), start)
      await node.kill()
    }
    assert.is(ids.size, 4)
  }),
)

function bytesOf(dir: string): number {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}

identity.run()
