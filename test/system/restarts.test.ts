// deadline: 300 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { back, noneInDoubt, underTraffic } from './scene.js'
import { forBalancers } from './server-room.js'

const restarts = suite('under traffic through a balancer')

forBalancers(restarts, 'a node that drains leaves no call in doubt', async (room, kind) => {
  await underTraffic(room, kind, async scene => {
    const sinceMs = performance.now()
    const ending = await scene.nodes[0]?.terminate()
    assert.equal(ending, { code: 0, signal: null }, scene.nodes[0]?.output)
    const goneMs = performance.now() - sinceMs
    const told = await back(scene, 0, sinceMs)
    noneInDoubt(scene)
    return `drained: gone after ${goneMs.toFixed(0)} ms, ${told}`
  })
})

forBalancers(restarts, 'a rolling restart leaves no call in doubt', async (room, kind) => {
  await underTraffic(room, kind, async scene => {
    const told: string[] = []
    for (const [i, node] of [...scene.nodes].entries()) {
      const sinceMs = performance.now()
      assert.equal(await node.terminate(), { code: 0, signal: null }, node.output)
      told.push(await back(scene, i, sinceMs))
    }
    noneInDoubt(scene)
    return `restarted one by one: ${told.join('; ')}`
  })
})

restarts.run()
