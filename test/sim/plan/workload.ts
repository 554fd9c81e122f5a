import { Amounts } from './amounts.js'
import type { Concern } from './command.js'
import { COMMIT_ENTRIES_MAX } from './room-words.js'
import type { Actor, Scene } from './scene.js'

const MANY_LARGE = 500
const MANY_LARGE_TIMES_MAX = 2
const GRIND_MAX = 110
/** How often a group counts twice on one key, where its draws do. */
const TWICE = 0.1

/** Draws what programs do with their nodes: adds, groups, many counts in one turn, and reads. */
export class Workload {
  readonly #amounts: Amounts
  /** The key that a hot room counts on mostly. */
  #hot = 0
  #manies = 0
  #large = 0
  #crowded = false

  constructor(readonly scene: Scene) {
    const { stream, room, swarm } = scene
    this.#amounts = new Amounts(stream, room.keys.length, room.distinct, swarm.decrements, swarm.huge)
  }

  /** Some node that is up does something. */
  anywhere(): void {
    const { stream, swarm, up } = this.scene
    if (up.length === 0) return this.#wake()
    this.at(stream.chance(swarm.favour) ? (up[0] as Actor) : stream.pick(up))
  }

  /** This node does something, up or not. */
  at({ name: node }: Actor): void {
    const { stream, swarm } = this.scene
    const dice = stream.next()
    if (dice < swarm.reads) this.scene.do({ verb: 'read', node, key: this.#key(this.#pick()) })
    else if (dice < swarm.reads + swarm.manies) this.#many(node)
    else if (stream.chance(swarm.groups)) this.#group(node)
    else this.add(node)
  }

  /** Adds something; where all amounts are used up, reads. */
  add(node: string): void {
    const count = this.#count()
    if (count === undefined) this.scene.do({ verb: 'read', node, key: this.#key(this.#pick()) })
    else this.scene.do({ verb: 'add', node, ...count, ...this.#concern() })
  }

  /** So many adds, one commit after another, that the node's log is cleaned at its head. */
  grind(node: string): void {
    const { stream, room } = this.scene
    const apartMs = room.syncMs[1] * (0.5 + stream.next())
    for (let i = 40 + stream.int(GRIND_MAX - 40); i > 0; i--) this.scene.later(i * apartMs, () => this.add(node))
  }

  /** More counts in one turn than one commit takes, and others on the same keys meanwhile. Once in a plan: that costs time. */
  crowd(node: string): void {
    if (this.#crowded) return this.add(node)
    this.#crowded = true
    const { stream, room } = this.scene
    const { commitEntriesMax = COMMIT_ENTRIES_MAX } = room
    const count = commitEntriesMax + 50 + stream.int(Math.ceil(commitEntriesMax / 4))
    const many = () => this.scene.do({ verb: 'many', node, prefix: 'crowd', count })
    const late = () => `crowd-${count - 1 - stream.int(count - commitEntriesMax + 20)}`
    const kind = stream.next()
    if (kind < 0.3) this.#crowdBehind(node, many, late)
    else if (kind < 0.6) this.#crowdTouched(node, many, late)
    else this.#crowdWithGroups(node, many, late)
  }

  /** Groups that come while the parts of the commit are written. */
  #crowdWithGroups(node: string, many: () => void, late: () => string): void {
    const { stream, room } = this.scene
    many()
    // Each amount is used once: so they name operations where amounts have to.
    for (let power = 1; power < 6; power++) {
      const adds = [{ key: late(), amount: 2 ** power }, this.#count()].filter(count => count !== undefined)
      const delayMs = power === 1 ? 0 : stream.next() * 3 * room.syncMs[1]
      this.scene.later(delayMs, () => this.scene.do({ verb: 'group', node, adds }))
    }
  }

  /** Counts that go along with a later part, and nothing after them. */
  #crowdTouched(node: string, many: () => void, late: () => string): void {
    const { stream, room } = this.scene
    many()
    for (let power = 1; power < 4; power++) {
      const amount = 2 ** power
      this.scene.later(stream.next() * room.syncMs[1], () => this.scene.do({ verb: 'add', node, key: late(), amount }))
    }
    const restMs = 4 * room.syncMs[1]
    for (const times of [1, 2, 4]) {
      this.scene.later(restMs * times, () => this.scene.do({ verb: 'read', node, key: late() }))
    }
  }

  /** A group among the counts that wait for the commit before, and a crash between the two parts of theirs. */
  #crowdBehind(node: string, many: () => void, late: () => string): void {
    const { stream, room } = this.scene
    this.add(node)
    many()
    for (let power = 1; power < 4; power++) {
      const amount = 2 ** power
      const adds = [
        { key: late(), amount },
        { key: `crowd-${stream.int(1_000)}`, amount },
      ]
      this.scene.do({ verb: 'group', node, adds })
    }
    const killMs = room.syncMs[1] * (0.3 + stream.next())
    this.scene.later(killMs, () => this.scene.do({ verb: 'kill', node, at: 'landed' }))
    this.scene.later(killMs + 20 + 3 * room.syncMs[1], () => this.scene.do({ verb: 'start', node }))
  }

  /** Nobody is up: somebody is started, now or soon. */
  #wake(): void {
    const { stream, actors } = this.scene
    if (stream.chance(0.2)) this.scene.do({ verb: 'start', node: stream.pick(actors).name })
  }

  #group(node: string): void {
    const { stream, swarm } = this.scene
    const adds: Array<{ key: string; amount: number }> = []
    for (let i = 1 + stream.int(swarm.groupKeysMax); i >= 0; i--) {
      const count = this.#count(adds)
      if (count) adds.push(count)
    }
    if (adds.length > 0) this.scene.do({ verb: 'group', node, adds, ...this.#concern() })
  }

  #many(node: string): void {
    const { stream, swarm, room } = this.scene
    let count = 10 + stream.int(swarm.manyCountMax - 10)
    if (count > MANY_LARGE && ++this.#large > MANY_LARGE_TIMES_MAX) count %= MANY_LARGE
    const prefix = `m${room.distinct ? this.#manies++ : stream.int(2)}`
    this.scene.do({ verb: 'many', node, prefix, count: Math.max(1, count) })
  }

  #count(besides: ReadonlyArray<{ readonly key: string }> = []): { key: string; amount: number } | undefined {
    const { stream, room } = this.scene
    const { keys } = room
    const drawn = this.#pick()
    if (besides.some(({ key }) => key === keys[drawn]) && !stream.chance(TWICE)) return undefined
    for (let i = drawn, tries = keys.length; tries > 0; tries--, i = (i + 1) % keys.length) {
      const amount = this.#amounts.draw(i)
      if (amount !== undefined) return { key: this.#key(i), amount }
      if (i === this.#hot) this.#hot = (i + 1) % keys.length
    }
    return undefined
  }

  #pick(): number {
    const { stream, swarm, room } = this.scene
    if (swarm.keyShape === 'hot' && stream.chance(0.9)) return this.#hot
    return stream.int(room.keys.length)
  }

  #key(index: number): string {
    return this.scene.room.keys[index] as string
  }

  #concern(): { readonly replicas?: Concern } {
    const { stream, swarm } = this.scene
    return stream.chance(swarm.concernShare) ? { replicas: stream.pick(swarm.concerns) } : {}
  }
}
