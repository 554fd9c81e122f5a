// deadline: 300 s
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Cluster, inCluster } from './cluster.js'
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

/** Of the tests in which the disk of b is not what it was; each begins with what the one before left. */
const cluster = new Cluster()
const tally = new Tally()
let a: NodeHandle
let b: NodeHandle

disk.before(async () => {
  ;[a, b] = (await cluster.startAll('a', 'b')) as [NodeHandle, NodeHandle]
})
disk.after(() => cluster.remove())

disk('a node with a wiped disk gets everything back from its peers, under a fresh id', async () => {
  await Promise.all([tally.add(a, 'orders', 10), tally.add(b, 'orders', 200)])
  await tally.agreed([a, b])
  await until('a to hold what b counted', async () => (await b.call('members')).every(({ lag }) => lag === 0))
  const before = await b.replica()
  await b.kill()
  cluster.wipe('b')
  await tally.add(a, 'orders', 3_000)
  b = await cluster.start('b')
  await b.reported('STORE_WIPED')
  await tally.agreed([a, b])
  await tally.add(b, 'orders', 40_000)
  assert.is.not(await b.replica(), before)
  await tally.agreed([a, b])
})

/** Takes b's disk back to an older copy after both nodes went on. Answers b's id of before. */
async function rollBack(): Promise<string | undefined> {
  await Promise.all([tally.add(a, 'orders', 1), tally.add(b, 'orders', 20)])
  await tally.agreed([a, b])
  await b.close()
  cluster.copy('b', 'backup')
  b = await cluster.start('b')
  await b.linked(1)
  for (let i = 0; i < 25; i++) await Promise.all([tally.add(a, 'orders', 300), tally.add(b, 'orders', 4_000)])
  await tally.agreed([a, b])
  const id = await b.replica()
  await b.kill()
  cluster.copy('backup', 'b')
  return id
}

disk('a disk restored from an older copy loses and doubles nothing', async () => {
  const id = await rollBack()
  b = await cluster.start('b')
  await b.reported('STORE_BEHIND')
  await tally.add(b, 'orders', 50_000)
  assert.is.not(await b.replica(), id, 'a fresh id, as the disk is not current')
  await tally.agreed([a, b])
})

disk(
  'a restored disk counts under a fresh id with every peer down, and nothing is lost when they come back',
  async () => {
    const id = await rollBack()
    await a.kill()
    b = await cluster.start('b')
    await Promise.all([tally.add(b, 'orders', 50_000), tally.add(b, 'visits', 7)])
    assert.is.not(await b.replica(), id)
    a = await cluster.start('a')
    await tally.agreed([a, b])
    await Promise.all([tally.add(a, 'orders', 1), tally.add(b, 'orders', 1)])
    await tally.agreed([a, b])
  },
)

disk('a restored disk on a machine without its witness takes a fresh id too', async () => {
  const id = await rollBack()
  b = await cluster.start('b', { runtimeDir: join(cluster.dir, 'run-of-another-machine') })
  await tally.add(b, 'orders', 50_000)
  assert.is.not(await b.replica(), id)
  await tally.agreed([a, b])
})

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
