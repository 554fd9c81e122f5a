// deadline: 300 s
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { allShow, type Cluster, inCluster } from './cluster.js'
import { CallError, NodeHandle } from './node-handle.js'
import { Tally } from './tally.js'
import { until } from './until.js'

const disk = suite('disks')

async function refusal(attempt: Promise<unknown>): Promise<CallError> {
  try {
    await attempt
  } catch (error) {
    if (error instanceof CallError) return error
  }
  throw new Error('it was not refused')
}

disk(
  'a node with a wiped disk gets everything back from its peers, under a fresh id',
  inCluster(async cluster => {
    const [a, b] = await cluster.startAll('a', 'b')
    assert.ok(a && b)
    await Promise.all([a.add('orders', 10), b.add('orders', 200, { replicas: 2 })])
    await allShow([a, b], 'orders', 210)
    const before = await b.replica()
    await b.kill()
    cluster.wipe('b')
    await a.add('orders', 3_000)
    const again = await cluster.start('b')
    await again.reported('STORE_WIPED')
    await allShow([a, again], 'orders', 3_210)
    await again.add('orders', 40_000)
    assert.is.not(await again.replica(), before)
    await allShow([a, again], 'orders', 43_210)
  }),
)

/** Takes b's disk back to an older copy after both nodes went on. Answers what is acknowledged by now, and b's id. */
async function rollBack(cluster: Cluster): Promise<{ a: NodeHandle; tally: Tally; id: string | undefined }> {
  const [a, b] = await cluster.startAll('a', 'b')
  assert.ok(a && b)
  const tally = new Tally()
  await Promise.all([tally.add(a, 'orders', 1), tally.add(b, 'orders', 20)])
  await tally.agreed([a, b])
  await b.close()
  cluster.copy('b', 'backup')
  const later = await cluster.start('b')
  await later.linked(1)
  for (let i = 0; i < 25; i++) await Promise.all([tally.add(a, 'orders', 300), tally.add(later, 'orders', 4_000)])
  await tally.agreed([a, later])
  const id = await later.replica()
  await later.kill()
  cluster.copy('backup', 'b')
  return { a, tally, id }
}

disk(
  'a disk restored from an older copy loses and doubles nothing',
  inCluster(async cluster => {
    const { a, tally, id } = await rollBack(cluster)
    const restored = await cluster.start('b')
    await restored.reported('STORE_BEHIND')
    await tally.add(restored, 'orders', 50_000)
    assert.is.not(await restored.replica(), id, 'a fresh id, as the disk is not current')
    await tally.agreed([a, restored])
  }),
)

disk(
  'a restored disk counts under a fresh id with every peer down, and nothing is lost when they come back',
  inCluster(async cluster => {
    const { a, tally, id } = await rollBack(cluster)
    await a.kill()
    const restored = await cluster.start('b')
    await Promise.all([tally.add(restored, 'orders', 50_000), tally.add(restored, 'visits', 7)])
    assert.is.not(await restored.replica(), id)
    const back = await cluster.start('a')
    await tally.agreed([back, restored])
    await Promise.all([tally.add(back, 'orders', 1), tally.add(restored, 'orders', 1)])
    await tally.agreed([back, restored])
  }),
)

disk(
  'a restored disk on a machine without its witness takes a fresh id too',
  inCluster(async cluster => {
    const { a, tally, id } = await rollBack(cluster)
    const restored = await cluster.start('b', { runtimeDir: join(cluster.dir, 'run-of-another-machine') })
    await tally.add(restored, 'orders', 50_000)
    assert.is.not(await restored.replica(), id)
    await tally.agreed([a, restored])
  }),
)

for (const own of [true, false]) {
  disk(
    `a copied directory, started as a second node ${own ? 'on another machine' : 'on the same machine'}, counts on too`,
    inCluster(async cluster => {
      const a = await cluster.start('a')
      const tally = new Tally()
      await tally.add(a, 'orders', 5)
      await a.kill()
      cluster.copy('a', 'clone')
      const first = await cluster.start('a')
      const second = await cluster.start('clone', own ? { runtimeDir: join(cluster.dir, 'own-run') } : {})
      await Promise.all([tally.add(first, 'orders', 70), tally.add(second, 'orders', 800)])
      await tally.agreed([first, second])
      const stops = [first, second].map(node => tally.load(node, ['orders', 'visits']))
      await until('both to count', () => tally.acknowledgements > 200)
      await Promise.all(stops.map(stop => stop()))
      await tally.agreed([first, second])
      assert.is.not(await first.replica(), await second.replica())
      // Both crash, and both are still two.
      await Promise.all([first.kill(), second.kill()])
      const again = [await cluster.start('clone'), await cluster.start('a')]
      await Promise.all(again.map(node => tally.add(node, 'orders', 1)))
      await tally.agreed(again)
      const ids = await Promise.all(again.map(node => node.replica()))
      assert.is.not(ids[0], ids[1])
    }),
  )
}

disk(
  'a directory is for one process at a time',
  inCluster(async cluster => {
    const a = await cluster.start('a')
    await a.add('orders', 1)
    const { listen: _port, ...options } = await cluster.plan('a')
    const refused = await refusal(NodeHandle.start(options))
    assert.is(refused.code, 'STORE_LOCKED')
    assert.ok(refused.message.includes(cluster.dataDir('a')), refused.message)
    assert.match(refused.message, /stop|another directory|own/i)
    await a.add('orders', 1)
    assert.is(await a.value('orders'), 2)
    const marker = readFileSync(join(cluster.dataDir('a'), 'tallymesh.json'), 'utf8')
    await a.kill()
    const again = await cluster.start('a')
    assert.is(await again.value('orders'), 2, 'the lock went with the process')
    assert.is(readFileSync(join(cluster.dataDir('a'), 'tallymesh.json'), 'utf8'), marker)
  }),
)

disk.run()
