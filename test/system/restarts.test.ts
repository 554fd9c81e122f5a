// deadline: 300 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { askOnce } from './answer.js'
import type { NodeProcess } from './node-process.js'
import { Scene } from './scene.js'
import { shared } from './server-room.js'

const restarts = suite('under traffic through balancers')
const scene = shared(restarts, room => Scene.open(room))

restarts('nodes that drain and start again, one after the other, leave no call in doubt', async () => {
  const { nodes } = scene()
  await scene().underTraffic(async () => {
    const told: string[] = []
    for (const [i, node] of [...nodes].entries()) {
      const sinceMs = performance.now()
      assert.equal(await node.terminate(), { code: 0, signal: null }, node.output)
      const goneMs = performance.now() - sinceMs
      told.push(`${node.name} is gone after ${goneMs.toFixed(0)} ms`, await scene().back(i, sinceMs))
    }
    scene().noneInDoubt()
    return `drained: ${told.join('; ')}`
  })
})

restarts('a killed node loses and doubles nothing', async () => {
  await scene().underTraffic(async () => {
    const sinceMs = performance.now()
    await scene().nodes[2]?.kill()
    const told = await scene().back(2, sinceMs)
    return `killed: ${told}; ${scene().lastDoubt(sinceMs)}`
  })
})

restarts('a frozen node that is killed later loses and doubles nothing', async () => {
  const { nodes } = scene()
  await scene().underTraffic(async () => {
    const frozen = nodes[1] as NodeProcess
    const sinceMs = performance.now()
    frozen.freeze()
    const { name } = frozen
    // The others miss its heartbeats: so a supervisor would know.
    await until('the others to hold it for down', async () => {
      const members = (await askOnce(nodes[0]?.port ?? 0, '/v1/members'))?.json?.members
      const state = (members as Array<{ name: string; state: string }> | undefined)?.find(
        each => each.name === name,
      )?.state
      return state === 'down' || `${state}`
    })
    const noticedMs = performance.now() - sinceMs
    await frozen.kill()
    const told = await scene().back(1, sinceMs)
    return `frozen: held for down and killed after ${noticedMs.toFixed(0)} ms, ${told}; ${scene().lastDoubt(sinceMs)}`
  })
})

restarts.run()
