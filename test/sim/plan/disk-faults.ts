import { type Fault, killInCommit, killSomehow, start, withIdle } from './process-faults.js'
import type { Actor, Part, Scene } from './scene.js'

/** How far a disk is put back: mostly a little, where the promises are tightest. */
function drawSteps(scene: Scene): number {
  const { stream } = scene
  return stream.chance(0.5) ? 1 : 1 + stream.int(stream.chance(0.7) ? 8 : 200)
}

/** Some adds, at once and soon after. */
function work(scene: Scene, actor: Actor): void {
  scene.workload.add(actor.name)
  if (scene.stream.chance(0.5)) scene.later(scene.momentMs(), () => scene.workload.at(actor))
}

const rollback = withIdle((scene, actor) => {
  killSomehow(scene, actor)
  scene.play(actor, [
    [scene.room.syncMs[1] + scene.momentMs(), { verb: 'rollback', node: actor.name, steps: drawSteps(scene) }],
    [scene.whileMs(), start(actor)],
    [scene.momentMs(), () => work(scene, actor)],
  ])
})

/** A commit that the witness was not told of is gone on with after a start; then the disk is put back to before it. */
function rollbackResumed(scene: Scene, actor: Actor, killMs: number): void {
  scene.play(actor, [
    [scene.momentMs(), () => killInCommit(scene, actor.name, 'landed')],
    [killMs, start(actor)],
    // Its peers hear of that commit.
    [10 + 6 * scene.room.delayMs[1] + scene.momentMs(), { verb: 'kill', node: actor.name }],
    [scene.momentMs(), { verb: 'rollback', node: actor.name, steps: 1 + scene.stream.int(3) }],
    [scene.momentMs(), start(actor)],
    [scene.momentMs(), () => work(scene, actor)],
  ])
}

/** Put back again and again, each time with a commit that the witness may not know of. */
const rollbackTwice = withIdle((scene, actor) => {
  const killMs = scene.room.syncMs[1] + scene.momentMs()
  if (scene.stream.chance(0.4)) return rollbackResumed(scene, actor, killMs)
  const round = (steps: number) => [
    [scene.momentMs(), () => killInCommit(scene, actor.name, 'landed')] as const,
    [killMs, { verb: 'rollback', node: actor.name, steps }] as const,
    [scene.momentMs(), start(actor)] as const,
    [scene.momentMs(), () => work(scene, actor)] as const,
  ]
  scene.play(actor, [...round(1), ...round(1 + scene.stream.int(2))])
})

const wipe = withIdle((scene, actor) => {
  killSomehow(scene, actor)
  scene.play(actor, [
    [scene.room.syncMs[1] + scene.momentMs(), { verb: 'wipe', node: actor.name }],
    [scene.whileMs(), start(actor)],
    [scene.momentMs(), () => work(scene, actor)],
  ])
})

/** A disk comes back empty or older, and while it is being filled, who fills it goes. */
const interruptedCatchUp = withIdle((scene, actor) => {
  const { stream } = scene
  killSomehow(scene, actor)
  const steps = 1 + stream.int(100)
  const lossMs = scene.room.syncMs[1] + scene.momentMs()
  scene.play(actor, [
    [lossMs, stream.chance(0.5) ? { verb: 'wipe', node: actor.name } : { verb: 'rollback', node: actor.name, steps }],
    [scene.momentMs(), start(actor)],
    [scene.momentMs(), () => interrupt(scene, actor)],
    [scene.momentMs(), () => (stream.chance(0.3) ? killSomehow(scene, actor) : work(scene, actor))],
    [scene.whileMs(), start(actor)],
  ])
})

function interrupt(scene: Scene, actor: Actor): void {
  const other = scene.idle()
  if (!other || other === actor) return
  if (scene.stream.chance(0.4)) return scene.do({ verb: 'drop', from: actor.name, to: other.name })
  killSomehow(scene, other)
  scene.play(other, [[scene.whileMs(), start(other)]])
}

/** A copy of a disk goes up elsewhere, or beside its original, which is up or down and comes back. */
const clone: Fault = scene => {
  const as = scene.idle() && scene.newcomer()
  const actor = scene.idle()
  if (as === undefined || !actor) return false
  const { stream } = scene
  const isDown = stream.chance(0.5)
  if (isDown) killSomehow(scene, actor)
  scene.play(actor, [
    [
      isDown ? scene.room.syncMs[1] + scene.momentMs() : scene.momentMs(),
      { verb: 'clone', node: actor.name, as, here: stream.chance(0.5) },
    ],
    [scene.momentMs(), () => scene.workload.add(as)],
    [scene.whileMs(), isDown ? start(actor) : () => work(scene, actor)],
    [scene.momentMs(), () => work(scene, actor)],
    [scene.momentMs(), () => scene.workload.add(as)],
  ])
  return true
}

/** A copy and its original take turns on one machine, each with the witness that the other left, now and then put back. */
const turns = withIdle((scene, actor) => {
  const as = scene.newcomer()
  if (as === undefined) return
  const { stream } = scene
  const killMs = scene.room.syncMs[1] + scene.momentMs()
  const kill = (name: string) => () => killSomehow(scene, { ...actor, name })
  const parts: Part[] = [
    [killMs, { verb: 'clone', node: actor.name, as, here: true }],
    [scene.momentMs(), () => scene.workload.add(as)],
  ]
  for (let i = 2 + stream.int(3); i > 0; i--) {
    const [from, to] = i % 2 === 0 ? [as, actor.name] : [actor.name, as]
    parts.push([scene.momentMs(), kill(from)])
    if (stream.chance(0.4)) parts.push([killMs, { verb: 'rollback', node: to, steps: 1 + stream.int(4) }])
    parts.push([killMs, { verb: 'start', node: to }])
    for (let adds = 1 + stream.int(3); adds > 0; adds--) parts.push([killMs, () => scene.workload.add(to)])
  }
  killSomehow(scene, actor)
  scene.play(actor, [...parts, [scene.whileMs(), start(actor)]])
})

const failedWrite = withIdle((scene, actor) => {
  scene.do({ verb: 'disk', node: actor.name, mode: 'fail' })
  work(scene, actor)
  if (scene.stream.chance(0.3)) scene.later(scene.momentMs(), () => killSomehow(scene, actor))
  scene.play(actor, [[scene.whileMs(), start(actor)]])
})

const fullDisk = withIdle((scene, actor) => {
  scene.do({ verb: 'disk', node: actor.name, mode: 'full' })
  work(scene, actor)
  scene.play(actor, [
    [scene.whileMs(), { verb: 'disk', node: actor.name, mode: 'ok' }],
    [scene.momentMs(), () => work(scene, actor)],
  ])
})

const stuckDisk = withIdle((scene, actor) => {
  scene.do({ verb: 'disk', node: actor.name, mode: 'stuck' })
  work(scene, actor)
  const isKilled = scene.stream.chance(0.3)
  scene.play(actor, [
    [scene.whileMs(), () => isKilled && killSomehow(scene, actor)],
    [scene.momentMs(), { verb: 'disk', node: actor.name, mode: 'ok' }],
    [scene.momentMs(), isKilled ? start(actor) : () => work(scene, actor)],
  ])
})

const slowDisk = withIdle((scene, actor) => {
  scene.do({ verb: 'disk', node: actor.name, mode: 'slow', ms: Math.round(20 + scene.whileMs()) })
  work(scene, actor)
  scene.play(actor, [[scene.whileMs() * 2, { verb: 'disk', node: actor.name, mode: 'ok' }]])
})

const flip = withIdle((scene, actor) => {
  scene.do({ verb: 'flip', node: actor.name, record: scene.stream.int(1_000) })
  scene.later(scene.momentMs(), () => killSomehow(scene, actor))
  scene.play(actor, [
    [20 + scene.room.syncMs[1] + scene.whileMs(), start(actor)],
    [scene.momentMs(), () => work(scene, actor)],
  ])
})

/** More counts in one turn than a commit takes, others while its parts are written, and perhaps a crash between them. */
const crowd = withIdle((scene, actor) => {
  scene.workload.crowd(actor.name)
  if (scene.stream.chance(0.4)) return
  const moment = scene.stream.pick(['write', 'landed'] as const)
  scene.later(scene.momentMs(), () => killInCommit(scene, actor.name, moment))
  scene.play(actor, [[20 + scene.room.syncMs[1] + scene.whileMs(), start(actor)]])
})

const grind = withIdle((scene, { name }) => scene.workload.grind(name))

export const DISK_FAULTS = {
  rollback,
  rollbackTwice,
  wipe,
  interruptedCatchUp,
  clone,
  turns,
  failedWrite,
  fullDisk,
  stuckDisk,
  slowDisk,
  flip,
  grind,
  crowd,
} satisfies Readonly<Record<string, Fault>>
