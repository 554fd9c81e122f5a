import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { allShow, inCluster } from './cluster.js'
import { until } from './until.js'

const idle = suite('an idle room')
const WATCH_MS = 3_000

idle(
  'of three processes stays up, and tells what CPU it takes',
  inCluster(async cluster => {
    const nodes = await cluster.startAll('a', 'b', 'c')
    await Promise.all(nodes.map(node => node.add('orders', 1)))
    await allShow(nodes, 'orders', 3)
    const usage = () => Promise.all(nodes.map(node => node.call('usage')))
    const commits = () => Promise.all(nodes.map(async node => (await node.call('stats')).commits))
    const [before, committed] = [await usage(), await commits()]
    const startMs = performance.now()
    // What is measured is this very time.
    await until('the time to pass', () => performance.now() - startMs > WATCH_MS)
    const after = await usage()
    const share = after.map(({ cpuMs }, i) => ((cpuMs - (before[i]?.cpuMs ?? 0)) / (performance.now() - startMs)) * 100)
    const heaps = after.map(({ heapBytes }) => (heapBytes / 2 ** 20).toFixed(1))
    console.log(
      `CPU of each process: ${share.map(part => `${part.toFixed(1)} %`).join(', ')}; heaps ${heaps.join(', ')} MiB`,
    )
    assert.equal(await commits(), committed, 'who counts nothing writes nothing')
    for (const node of nodes) {
      assert.equal(node.errors, [])
      assert.is((await node.call('stats')).links, 2)
    }
  }),
)

idle.run()
