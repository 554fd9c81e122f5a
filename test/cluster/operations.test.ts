// deadline: 300 s

import { newOperationId } from 'tallymesh'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { allShow, inCluster } from './cluster.js'
import type { NodeHandle } from './node-handle.js'
import { until } from './until.js'

const operations = suite('operations')
const NAMES = ['a', 'b', 'c'] as const
const KEYS = ['orders', 'visits', 'refunds'] as const
const LANES = 24
const KILLS = Number(process.env.ROUNDS ?? 6)

operations(
  'every count has an id and is tried until it is acknowledged, while nodes are killed: totals are exact',
  inCluster(async cluster => {
    const nodes = await cluster.startAll(...NAMES)
    const counted = new Map<string, number>()
    let stopping = false
    let retries = 0
    const lane = async (number: number): Promise<void> => {
      for (let count = 0; !stopping; count++) {
        const key = KEYS[(number + count) % KEYS.length] as string
        const operation = newOperationId()
        for (let at = number; ; at++) {
          const node = nodes[at % nodes.length] as NodeHandle
          const acknowledged = await node.add(key, 1, { operation, timeoutMs: 2_000 }).then(
            () => true,
            () => false,
          )
          if (acknowledged) break
          retries++
          // What is gone answers at once.
          await new Promise(resolve => setTimeout(resolve, 5))
        }
        counted.set(key, (counted.get(key) ?? 0) + 1)
      }
    }
    const lanes = Array.from({ length: LANES }, (_, number) => lane(number))
    const total = () => [...counted.values()].reduce((sum, count) => sum + count, 0)
    for (let kill = 0; kill < KILLS; kill++) {
      const before = total()
      await until('counts between two kills', () => total() > before + 200)
      const at = kill % nodes.length
      await (nodes[at] as NodeHandle).kill()
      nodes[at] = await cluster.start(NAMES[at] as string)
    }
    stopping = true
    await Promise.all(lanes)
    assert.ok(retries > 0, 'no call met a kill')
    for (const key of KEYS) await allShow(nodes, key, counted.get(key) ?? 0)
    await until('all to be settled', async () => {
      const open = await Promise.all(nodes.map(async node => (await node.call('stats')).operations.open))
      return open.every(count => count === 0) || `${open.join(', ')} are open`
    })
    for (const key of KEYS) await allShow(nodes, key, counted.get(key) ?? 0)
  }),
)

operations.run()
