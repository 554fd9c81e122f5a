// deadline: 300 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { ask } from './answer.js'
import { Ledger } from './ledger.js'
import type { NodeProcess } from './node-process.js'
import { inRoom } from './server-room.js'
import { Traffic } from './traffic.js'

const acceptance = suite('given multiple nodes and a load balancer')

const OWN_KEY = 'counted-on-c'
const OWN_COUNTS = 50

/** Counts 1 on a node, again and again until it is gone. */
async function lane(node: NodeProcess, ledger: Ledger): Promise<void> {
  const add = async () => {
    const { status, text } = await ask(node.port, `/v1/counters/${OWN_KEY}`, { body: { add: 1 } })
    if (status !== 200) throw new Error(text)
  }
  while (!node.ending) await ledger.note(OWN_KEY, add())
}

acceptance(
  'when a node fails or is restarted, then its counters are restored and nothing is lost',
  inRoom(async room => {
    // Given the system is running with multiple nodes and a load balancer, of each kind,
    const nodes = await room.startAll('a', 'b', 'c')
    const [a, b, c] = nodes as [NodeProcess, NodeProcess, NodeProcess]
    const balancers = await room.balanceAll(nodes)
    const traffics = balancers.map(({ port }) => new Traffic(port))
    const counted = () => Promise.all(traffics.map(traffic => traffic.counted()))
    const stop = () => Promise.all(traffics.map(traffic => traffic.stop()))
    try {
      for (const traffic of traffics) traffic.start()
      await counted()
      const before = new Map<string, number>()
      for (const key of traffics.flatMap(({ ledger }) => ledger.keys)) before.set(key, await c.value(key))
      // and a node that some ask directly,
      const own = new Ledger()
      const asking = Promise.all([lane(c, own), lane(c, own), lane(c, own)])
      await counted()
      await until('the node to count by itself', () => own.acknowledged >= OWN_COUNTS || `${own.acknowledged}`)

      // when the node fails,
      await c.kill()
      await asking
      await counted()

      // and is restarted, while no other node can tell it anything,
      const others = [a, b]
      for (const other of others) other.freeze()
      const restarted = room.start('c')
      await restarted.opened()
      // then the counters on the failed node are restored to their previous values,
      const ownValue = await restarted.value(OWN_KEY)
      assert.is(own.contradiction(OWN_KEY, ownValue), undefined)
      for (const [key, value] of before) assert.ok((await restarted.value(key)) >= value, `${key} was ${value}`)
      const openedMs = performance.now() - restarted.startedMs
      for (const other of others) other.thaw()
      await restarted.ready()

      // and the system continues to operate correctly
      for (const { kind, port } of balancers) {
        await until(`${kind} to send requests to it again`, async () => {
          return (await ask(port, '/livez')).headers['tallymesh-node'] === 'c'
        })
      }
      await counted()
      await stop()

      // without data loss.
      const running = [a, b, restarted]
      assert.equal(await room.agreed(running, own), new Map([[OWN_KEY, ownValue]]))
      console.log(`the node had its ${ownValue} own counts again ${openedMs.toFixed(0)} ms after its start`)
      for (const [i, { kind, port }] of balancers.entries()) {
        const { ledger } = traffics[i] as Traffic
        for (const [key, value] of await room.agreed(running, ledger)) {
          assert.is((await ask(port, `/v1/counters/${encodeURIComponent(key)}`)).json?.value, value)
        }
        assert.equal(ledger.failed, [])
        console.log(`${kind}: ${ledger.acknowledged} acknowledged, ${ledger.indeterminate.length} in doubt`)
      }
    } finally {
      await stop()
    }
  }),
)

acceptance.run()
