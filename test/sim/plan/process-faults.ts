import type { Command, NodeName } from './command.js'
import type { Actor, Part, Scene } from './scene.js'

/** Plans a fault and what belongs to it. Answers false where it does not apply now. */
export type Fault = (scene: Scene) => boolean

const MOMENTS = ['write', 'landed', 'witnessed'] as const
const HOUR_MS = 3_600_000

export const start = ({ name }: Actor): Command => ({ verb: 'start', node: name })

/** Ends the process in the middle of its next commit, and sees to it that there is one. */
export function killInCommit(scene: Scene, node: NodeName, at: (typeof MOMENTS)[number]): void {
  scene.do({ verb: 'kill', node, at })
  scene.workload.add(node)
}

/** Ends the process, now or in the middle of a commit. */
export function killSomehow(scene: Scene, { name }: Actor): void {
  if (scene.stream.chance(0.6)) scene.do({ verb: 'kill', node: name })
  else killInCommit(scene, name, scene.stream.pick(MOMENTS))
}

/** With a node that is up and free. */
export function withIdle(act: (scene: Scene, actor: Actor) => void): Fault {
  return scene => {
    const actor = scene.idle()
    if (actor) act(scene, actor)
    return actor !== undefined
  }
}

/** All nodes that are up go, in the way that is drawn, and come back in some order. */
function all(go: (scene: Scene, actor: Actor) => void): Fault {
  return scene => {
    const actors = scene.up.filter(({ busy }) => !busy)
    const awayMs = scene.whileMs()
    for (const actor of actors) {
      go(scene, actor)
      scene.play(actor, [[awayMs + scene.momentMs(), start(actor)]])
    }
    return actors.length > 0
  }
}

const crash = withIdle((scene, actor) => {
  scene.do({ verb: 'kill', node: actor.name })
  // Some stay away until the end.
  if (scene.stream.chance(0.93)) scene.play(actor, [[scene.whileMs(), start(actor)]])
})

const crashInCommit = withIdle((scene, actor) => {
  killInCommit(scene, actor.name, scene.stream.pick(MOMENTS))
  scene.play(actor, [
    [scene.room.syncMs[1] + scene.whileMs(), start(actor)],
    [scene.momentMs(), () => scene.workload.at(actor)],
  ])
})

/** The same node again and again, hardly up. */
const crashLoop = withIdle((scene, actor) => {
  const rounds = Array.from({ length: 2 + scene.stream.int(4) }, () => [
    [scene.momentMs(), () => killSomehow(scene, actor)] as const,
    [scene.momentMs(), start(actor)] as const,
    [scene.momentMs(), () => scene.workload.at(actor)] as const,
  ])
  scene.play(actor, rounds.flat())
})

const powerCut = withIdle((scene, actor) => {
  if (scene.stream.chance(0.5)) scene.workload.at(actor)
  scene.later(scene.momentMs(), () => scene.do({ verb: 'reboot', node: actor.name }))
  scene.play(actor, [[20 + scene.whileMs(), start(actor)]])
})

const restart = withIdle((scene, actor) => {
  scene.do({ verb: 'stop', node: actor.name })
  scene.play(actor, [[scene.whileMs(), start(actor)]])
})

/** One after another, as a deployment does it. */
const rolling: Fault = scene => {
  const actors = scene.up.filter(({ busy }) => !busy)
  let delayMs = 0
  for (const actor of actors) {
    delayMs += scene.whileMs()
    scene.play(actor, [
      [delayMs, { verb: 'stop', node: actor.name }],
      [scene.momentMs() * 3, start(actor)],
    ])
  }
  return actors.length > 1
}

const pause = withIdle((scene, actor) => {
  const ms = Math.round(scene.whileMs())
  scene.do({ verb: 'pause', node: actor.name, ms })
  scene.play(actor, [[ms, () => scene.workload.at(actor)]])
})

/** Set back by one commit, and then the same once more, before it hears of its first future. */
function relive(scene: Scene, actor: Actor): void {
  const { stream, room } = scene
  const { name: node } = actor
  const others = scene.actors.filter(other => other !== actor)
  const add = { verb: 'add', node, key: stream.pick(room.keys), amount: 1 + stream.int(3) } as const
  const syncedMs = 2 * room.syncMs[1] + scene.momentMs()
  const cuts = others.map(({ name }): Part => [0, { verb: 'cut', from: node, to: name, oneWay: false }])
  scene.play(actor, [
    [0, add],
    [syncedMs + scene.whileMs(), add],
    [syncedMs + 2 * room.delayMs[1], { verb: 'read', node, key: add.key }],
    ...cuts,
    [0, { verb: 'restore', node, steps: 1 }],
    [scene.momentMs(), add],
    [syncedMs + scene.whileMs(), { verb: 'heal' }],
    [scene.momentMs(), () => scene.workload.at(actor)],
  ])
}

const restore = withIdle((scene, actor) => {
  const { stream, workload } = scene
  if (!scene.room.distinct && stream.chance(0.5)) return relive(scene, actor)
  for (let i = stream.int(4); i > 0; i--) scene.later(i * scene.momentMs(), () => workload.add(actor.name))
  const steps = 1 + stream.int(stream.chance(0.7) ? 4 : 30)
  scene.play(actor, [
    [scene.whileMs(), { verb: 'restore', node: actor.name, steps }],
    [scene.momentMs(), () => workload.add(actor.name)],
    [scene.momentMs(), () => workload.at(actor)],
  ])
})

/** All clocks are set back, and all links are to be made anew. */
function setBackAll(scene: Scene): void {
  const { stream, up } = scene
  const ms = -stream.pick([HOUR_MS, 24 * HOUR_MS])
  for (const { name: node } of up) scene.do({ verb: 'clock', node, ms })
  const [first, ...others] = up
  for (const { name: to } of others) scene.do({ verb: 'drop', from: first?.name as string, to })
  for (const actor of up) scene.later(scene.momentMs(), () => scene.workload.at(actor))
}

const clockJump = withIdle((scene, { name }) => {
  const { stream } = scene
  if (stream.chance(0.3)) return setBackAll(scene)
  const ms = stream.pick([HOUR_MS, 2 * HOUR_MS, 24 * HOUR_MS, 500, 5_000, 60_000]) * (stream.chance(0.5) ? 1 : -1)
  scene.do({ verb: 'clock', node: name, ms })
  if (stream.chance(0.5)) scene.later(scene.whileMs(), () => scene.do({ verb: 'clock', node: name, ms: -ms }))
})

const drift = withIdle((scene, { name }) => {
  scene.do({ verb: 'drift', node: name, ppm: scene.stream.pick([-50_000, -500, -50, 50, 500, 50_000]) })
})

export const PROCESS_FAULTS = {
  crash,
  crashInCommit,
  crashLoop,
  crashAll: all(killSomehow),
  powerCut,
  powerCutAll: all((scene, { name }) => scene.do({ verb: 'reboot', node: name })),
  restart,
  rolling,
  pause,
  restore,
  clockJump,
  drift,
} satisfies Readonly<Record<string, Fault>>
