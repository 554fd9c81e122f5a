// deadline: 300 s
import { suite } from 'uvu'
import { until } from '../cluster/until.js'
import { askOnce } from './answer.js'
import type { NodeProcess } from './node-process.js'
import { back, lastDoubtMs, underTraffic } from './scene.js'
import { forBalancers } from './server-room.js'

const crashes = suite('under traffic through a balancer')

forBalancers(crashes, 'a killed node loses and doubles nothing', async (room, kind) => {
  await underTraffic(room, kind, async scene => {
    const sinceMs = performance.now()
    await scene.nodes[2]?.kill()
    const told = await back(scene, 2, sinceMs)
    return `killed: the last call in doubt after ${lastDoubtMs(scene.traffic.ledger, sinceMs)}, ${told}`
  })
})

forBalancers(crashes, 'a frozen node that is killed later loses and doubles nothing', async (room, kind) => {
  await underTraffic(room, kind, async scene => {
    const frozen = scene.nodes[1] as NodeProcess
    const sinceMs = performance.now()
    frozen.freeze()
    const name = frozen.name
    // The others miss its heartbeats: so a supervisor would know.
    await until('the others to hold it for down', async () => {
      const members = (await askOnce(scene.nodes[0]?.port ?? 0, '/v1/members'))?.json?.members
      const state = (members as Array<{ name: string; state: string }> | undefined)?.find(
        each => each.name === name,
      )?.state
      return state === 'down' || `${state}`
    })
    const noticedMs = performance.now() - sinceMs
    await frozen.kill()
    const told = await back(scene, 1, sinceMs)
    return `frozen: held for down and killed after ${noticedMs.toFixed(0)} ms, the last call in doubt after ${lastDoubtMs(
      scene.traffic.ledger,
      sinceMs,
    )}, ${told}`
  })
})

crashes.run()
