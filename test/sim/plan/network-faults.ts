import type { Command, NodeName } from './command.js'
import type { Fault } from './process-faults.js'
import type { Scene } from './scene.js'

/** Something between two nodes, from one to the other, which ends after a while or stays. */
function between(stays: number, command: (scene: Scene, from: NodeName, to: NodeName) => Command): Fault {
  return scene => {
    const pair = scene.pair()
    if (!pair) return false
    const [from, to] = [pair[0].name, pair[1].name]
    scene.do(command(scene, from, to))
    if (scene.stream.chance(stays)) return true
    scene.later(scene.whileMs(), () => scene.do({ verb: 'heal', nodes: [from, to] }))
    return true
  }
}

function flaky(verb: 'lose' | 'repeat' | 'damage' | 'reorder', percents: readonly number[]): Fault {
  return between(0.3, (scene, from, to) => ({ verb, from, to, percent: scene.stream.pick(percents) }))
}

const cut = between(0.1, ({ stream }, from, to) => ({ verb: 'cut', from, to, oneWay: stream.chance(0.5) }))

const delay = between(0.3, ({ stream }, from, to) => {
  return { verb: 'delay', from, to, ms: stream.pick([5, 50, 300, 2_000]), jitterMs: stream.pick([0, 20, 500]) }
})

const clog: Fault = scene => {
  const pair = scene.pair()
  if (!pair) return false
  scene.do({ verb: 'clog', from: pair[0].name, to: pair[1].name, ms: Math.round(scene.whileMs()) })
  return true
}

const drop: Fault = scene => {
  const pair = scene.pair()
  if (!pair) return false
  scene.do({ verb: 'drop', from: pair[0].name, to: pair[1].name })
  return true
}

/** All nodes fall into two or three groups, work goes on in each, then all meet again. */
const partition: Fault = scene => {
  const { stream, actors } = scene
  if (actors.length < 2) return false
  const groups: NodeName[][] = Array.from({ length: actors.length > 3 && stream.chance(0.3) ? 3 : 2 }, () => [])
  const from = stream.int(groups.length)
  // The first two stand apart in any case.
  for (const [i, { name }] of actors.entries()) {
    const at = i < 2 ? from + i : stream.int(groups.length)
    groups[at % groups.length]?.push(name)
  }
  scene.do({ verb: 'partition', groups: groups.filter(group => group.length > 0) })
  for (let i = 1 + stream.int(6); i > 0; i--) scene.later(i * scene.momentMs(), () => scene.workload.anywhere())
  if (stream.chance(0.93)) scene.later(scene.whileMs() * 2, () => scene.do({ verb: 'heal' }))
  return true
}

export const NETWORK_FAULTS = {
  cut,
  partition,
  delay,
  clog,
  drop,
  lose: flaky('lose', [1, 5, 30]),
  repeat: flaky('repeat', [5, 50]),
  damage: flaky('damage', [1, 5, 30]),
  reorder: flaky('reorder', [5, 30]),
} satisfies Readonly<Record<string, Fault>>
