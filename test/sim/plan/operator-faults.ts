import { type Fault, killSomehow, start } from './process-faults.js'

const join: Fault = scene => {
  const node = scene.newcomer()
  if (node === undefined) return false
  scene.do({ verb: 'join', node })
  scene.later(scene.momentMs(), () => scene.workload.add(node))
  return true
}

/** Takes a node out of the room that is down for long enough, mostly. It comes back as it was, or with an empty disk. */
const remove: Fault = scene => {
  const actor = scene.idle()
  const by = scene.up.find(other => other !== actor)
  if (!actor || !by) return false
  const { stream, room } = scene
  killSomehow(scene, actor)
  const isNoticed = stream.chance(0.85)
  const backMs = scene.whileMs()
  const isWiped = stream.chance(0.4)
  scene.play(actor, [
    [
      room.heartbeatMs * (isNoticed ? 7 + stream.int(7) : stream.int(5)),
      { verb: 'remove', node: actor.name, by: by.name },
    ],
    [backMs, isWiped ? { verb: 'wipe', node: actor.name } : start(actor)],
    ...(isWiped ? [[scene.momentMs(), start(actor)] as const] : []),
    [scene.momentMs(), () => scene.workload.add(actor.name)],
  ])
  return true
}

const transfer: Fault = scene => {
  const { up, stream } = scene
  if (up.length < 2) return false
  const at = stream.int(up.length)
  const other = (at + 1 + stream.int(up.length - 1)) % up.length
  scene.do({ verb: 'transfer', from: up[at]?.name as string, to: up[other]?.name as string })
  return true
}

export const OPERATOR_FAULTS = { join, remove, transfer } satisfies Readonly<Record<string, Fault>>
