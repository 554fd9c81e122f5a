import type { Stream } from '../draw.js'
import type { Command, NodeName } from './command.js'
import type { PlannedEvent, RoomSpec } from './plan.js'
import { logUniform, type Swarm } from './swarm.js'
import { Workload } from './workload.js'

/** A node as the planner believes it to be. */
export interface Actor {
  readonly name: NodeName
  up: boolean
  /** Taken out of the room. */
  removed: boolean
  /** In the middle of a sequence: others leave it alone. */
  busy: boolean
}

/** A part of a sequence: what happens so long after the part before it. */
export type Part = readonly [afterMs: number, act: (() => void) | Command]

interface Appointment {
  readonly atMs: number
  readonly act: () => void
}

const NEWCOMERS_MAX = 3

/** A plan being drawn: what was planned so far, who is up by it, and what is still to come of sequences that began. The
 *  picture is rough: what does not apply when its time comes does nothing. */
export class Scene {
  readonly events: PlannedEvent[] = []
  readonly actors: Actor[]
  readonly workload: Workload
  readonly #agenda: Appointment[] = []
  readonly #old: Set<NodeName>
  #nowMs = 0
  #newcomers = 0
  #reserved = 0

  constructor(
    readonly stream: Stream,
    readonly swarm: Swarm,
    readonly room: RoomSpec,
  ) {
    this.actors = room.nodes.map(name => ({ name, up: true, removed: false, busy: false }))
    this.workload = new Workload(this)
    this.#old = new Set(Object.keys(room.releases ?? {}))
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** Whether no event is left but for upgrades that must not be missing: a room that stays half upgraded may never agree. */
  get full(): boolean {
    return this.events.length + this.#old.size >= this.swarm.events - this.#reserved
  }

  /** Whether some node is of the first release. */
  get old(): boolean {
    return this.#old.size > 0
  }

  get up(): Actor[] {
    return this.actors.filter(({ up, removed }) => up && !removed)
  }

  /** A node that is up and in no sequence. */
  idle(): Actor | undefined {
    const idle = this.actors.filter(({ up, removed, busy }) => up && !removed && !busy)
    return idle.length > 0 ? this.stream.pick(idle) : undefined
  }

  /** Two different nodes, up or down. */
  pair(): readonly [Actor, Actor] | undefined {
    if (this.actors.length < 2) return undefined
    const first = this.stream.int(this.actors.length)
    const second = (first + 1 + this.stream.int(this.actors.length - 1)) % this.actors.length
    return [this.actors[first] as Actor, this.actors[second] as Actor]
  }

  /** A name that no node has; undefined where enough came already, or where they would not be let in. */
  newcomer(): NodeName | undefined {
    if (this.#newcomers === NEWCOMERS_MAX || this.old) return undefined
    this.#newcomers++
    return nodeName(this.actors.length)
  }

  /** Keeps so many events for what shall happen when all else did. */
  reserve(events: number): void {
    this.#reserved = events
  }

  /** Plans a command for now. */
  do(command: Command): void {
    if (this.full && command.verb !== 'upgrade') return
    this.events.push({ atMs: this.#nowMs, command })
    this.#follow(command)
  }

  later(delayMs: number, act: () => void): void {
    const atMs = tenths(this.#nowMs + delayMs)
    let at = this.#agenda.length
    while (at > 0 && (this.#agenda[at - 1] as Appointment).atMs > atMs) at--
    this.#agenda.splice(at, 0, { atMs, act })
  }

  /** Plays a sequence, during which others leave the actor alone. */
  play(actor: Actor, parts: readonly Part[]): void {
    actor.busy = true
    let delayMs = 0
    for (const [afterMs, act] of parts) {
      delayMs += afterMs
      this.later(delayMs, typeof act === 'function' ? act : () => this.do(act))
    }
    this.later(delayMs, () => {
      actor.busy = false
    })
  }

  /** Lets this much time pass, and what was put off until then happen. */
  pass(delayMs: number): void {
    const untilMs = tenths(this.#nowMs + delayMs)
    for (let due = this.#agenda[0]; due !== undefined && due.atMs <= untilMs; due = this.#agenda[0]) {
      this.#agenda.shift()
      this.#nowMs = due.atMs
      due.act()
    }
    this.#nowMs = untilMs
  }

  /** Upgrades who was not yet. */
  finish(): void {
    for (const node of this.#old) this.do({ verb: 'upgrade', node, release: 2 })
  }

  /** A moment: none, or a few ms. */
  momentMs(): number {
    return this.stream.chance(0.2) ? 0 : logUniform(this.stream, 0.2, 20)
  }

  /** How long something lasts: a moment, some round trips, or long enough for everybody to notice. */
  whileMs(): number {
    const dice = this.stream.next()
    if (dice < 0.15) return this.momentMs()
    return dice < 0.7 ? logUniform(this.stream, 5, 500) : this.room.heartbeatMs * logUniform(this.stream, 1, 20)
  }

  #follow(command: Command): void {
    switch (command.verb) {
      case 'clone':
        this.actors.push({ name: command.as, up: true, removed: false, busy: false })
        return
      case 'join':
        this.actors.push({ name: command.node, up: true, removed: false, busy: false })
        return
      case 'upgrade':
        this.#old.delete(command.node)
        return
      case 'start':
      case 'kill':
      case 'stop':
      case 'reboot':
      case 'remove':
      case 'leave':
      case 'wipe': {
        const actor = this.actors.find(({ name }) => name === command.node)
        if (!actor) return
        if (command.verb === 'remove') actor.removed = true
        else if (command.verb === 'wipe') actor.removed = false
        else actor.up = command.verb === 'start'
      }
    }
  }
}

/** `a` to `z`. */
export function nodeName(index: number): NodeName {
  return String.fromCharCode(97 + index)
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10
}
