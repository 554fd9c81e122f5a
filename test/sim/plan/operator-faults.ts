import { type Fault, killSomehow, start } from './process-faults.js'
import type { Scene } from './scene.js'
import { logUniform } from './swarm.js'

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

/** A node is the only one that met another, which is gone for good since, and leaves as soon as it meets the others. */
function leaveAsHeir(scene: Scene): boolean {
  const { stream, room, workload } = scene
  const heir = scene.idle()
  const other = scene.up.find(({ name, busy }) => !busy && name !== heir?.name)
  const rest = scene.actors.flatMap(({ name }) => (name === heir?.name || name === other?.name ? [] : [name]))
  if (!heir || !other || rest.length === 0) return false
  const [gone, node] = [other.name, heir.name]
  scene.do({ verb: 'partition', groups: [[gone, node], rest] })
  for (let i = stream.int(4); i >= 0; i--) scene.later(i * scene.momentMs(), () => workload.add(gone))
  scene.play(other, [[2 * room.syncMs[1] + 4 * room.delayMs[1] + scene.momentMs(), { verb: 'kill', node: gone }]])
  scene.play(heir, [
    [room.heartbeatMs * (8 + stream.int(8)), { verb: 'remove', node: gone, by: node }],
    [scene.momentMs(), { verb: 'heal' }],
    [scene.momentMs(), { verb: 'leave', node, ms: room.heartbeatMs * (5 + stream.int(60)) }],
    [scene.whileMs(), start(heir)],
  ])
  return true
}

/** Nodes take themselves out of the room, mostly one, and some are interrupted; or all others lose power as soon as it is out. Who is
 *  out comes back with an empty disk, who is not as it was. */
const leave: Fault = scene => {
  const { stream, room } = scene
  if (stream.chance(0.25)) return leaveAsHeir(scene)
  const among = scene.up.filter(({ busy }) => !busy)
  const leavers = stream.chance(0.8) ? [scene.idle()] : among.filter(() => stream.chance(0.8))
  const isDark = leavers.length === 1 && stream.chance(0.3)
  for (const actor of leavers) {
    if (!actor || scene.up.length < 2) continue
    const ms = Math.ceil(room.heartbeatMs * logUniform(stream, 1, 60))
    if (stream.chance(0.5)) scene.workload.add(actor.name)
    scene.do({ verb: 'leave', node: actor.name, ms })
    const isKilled = !isDark && stream.chance(0.3)
    for (const other of isDark ? among : []) {
      if (other === actor) continue
      scene.play(other, [
        [room.heartbeatMs * logUniform(stream, 0.1, 3), { verb: 'reboot', node: other.name }],
        [scene.whileMs(), start(other)],
      ])
    }
    scene.play(actor, [
      ...(isKilled ? [[scene.whileMs(), () => killSomehow(scene, actor)] as const] : []),
      [scene.whileMs() + (stream.chance(0.5) ? ms : 0), start(actor)],
      ...(stream.chance(0.5) ? [[scene.momentMs(), { verb: 'wipe', node: actor.name }] as const] : []),
      [scene.momentMs(), start(actor)],
      [scene.momentMs(), () => scene.workload.add(actor.name)],
    ])
  }
  return leavers.length > 0
}

const transfer: Fault = scene => {
  const { up, stream } = scene
  if (up.length < 2) return false
  const at = stream.int(up.length)
  const other = (at + 1 + stream.int(up.length - 1)) % up.length
  scene.do({ verb: 'transfer', from: up[at]?.name as string, to: up[other]?.name as string })
  return true
}

export const OPERATOR_FAULTS = { join, remove, leave, transfer } satisfies Readonly<Record<string, Fault>>
