// deadline: 300 s
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { inCluster } from './cluster.js'
import { freePort } from './free-port.js'
import { HttpTraffic } from './http-traffic.js'
import { installed, LOAD_BALANCERS, type LoadBalancerKind } from './load-balancer.js'
import type { NodeHandle } from './node-handle.js'
import { until } from './until.js'

const acceptance = suite('given multiple nodes and a load balancer')

const KEY = 'orders'

function scenario(kind: LoadBalancerKind): () => Promise<void> {
  return inCluster(async cluster => {
    if (!installed(kind)) return console.log(`SKIP: ${kind.name} is not installed (${kind.program})`)

    // Given the system is running with multiple nodes and a load balancer,
    const nodes = await cluster.startAll('a', 'b', 'c')
    const ports = [await freePort(), await freePort(), await freePort()]
    const serve = (node: NodeHandle, i: number) => node.call('serve', ports[i] ?? 0)
    await Promise.all(nodes.map(serve))
    const balancer = await kind.start(await freePort(), ports, join(cluster.dir, 'balancer'))
    const traffic = new HttpTraffic(balancer.port, KEY)
    try {
      await until('the load balancer to answer', async () => (await traffic.read()) !== undefined)
      traffic.start(6)
      await until('all nodes to count', () => traffic.byNode.size === 3 && traffic.acknowledged > 300)

      // when a node fails,
      await nodes[2]?.kill()
      const counted = traffic.acknowledged
      const failed = traffic.byNode.get('c') ?? { acknowledged: 0, value: 0 }
      await until('the others to go on', () => traffic.acknowledged > counted + 300)

      // and is restarted,
      const { peers: _peers, ...alone } = await cluster.plan('c')
      const restarted = await cluster.start('c', { ...alone, peers: [] })
      // then the counters on the failed node are restored to their previous values,
      const restored = await restarted.value(KEY)
      assert.ok(
        restored >= failed.acknowledged,
        `it had acknowledged ${failed.acknowledged}, and has ${restored} again`,
      )
      await until('its view of the others to be restored', async () => (await restarted.value(KEY)) >= failed.value)
      await serve(restarted, 2)

      // and the system continues to operate correctly
      const before = traffic.acknowledged
      traffic.byNode.delete('c')
      await until('the restarted node to count again', () => traffic.byNode.has('c'))
      await until('all to go on', () => traffic.acknowledged > before + 300)
      await traffic.stop()

      // with no data loss.
      const { acknowledged, indeterminate } = traffic
      const room = [nodes[0], nodes[1], restarted].flatMap(node => (node ? [node] : []))
      await until('the nodes to agree', async () => {
        const values = await Promise.all(room.map(node => node.value(KEY)))
        return new Set(values).size === 1 || values.join(' ')
      })
      const total = await restarted.value(KEY)
      const told = `${total} counted, ${acknowledged} acknowledged, ${indeterminate} in doubt`
      assert.ok(total >= acknowledged && total <= acknowledged + indeterminate, told)
      assert.is((await traffic.read())?.value, total, 'the load balancer serves the same total')
      console.log(
        `${kind.name}: ${told}; the node had ${restored} when it was open again, in ${restarted.openMs.toFixed(0)} ms`,
      )
    } finally {
      await traffic.stop()
      await balancer.close()
    }
  })
}

for (const kind of LOAD_BALANCERS) {
  acceptance(
    `(${kind.name}), when a node fails or is restarted, then its counters are restored and nothing is lost`,
    scenario(kind),
  )
}

acceptance.run()
