import { type ReplicaId, showReplicaId } from '@tallymesh/crdt'
import type { NodeName } from '../plan/command.js'
import { Breach } from './breach.js'
import type { Faults } from './faults.js'

interface Life {
  readonly life: number
  live: ReplicaId | undefined
  readonly ids: Set<ReplicaId>
}

/** Who counts under which replica id. An id belongs to one node, and no process goes on under one whose past its disk lost. */
export class Identities {
  readonly #lives = new Map<NodeName, Life>()
  readonly #owners = new Map<ReplicaId, NodeName>()
  /** All ids that a node ever used. */
  readonly #ids = new Map<NodeName, Set<ReplicaId>>()
  /** Ids that a node must not go on under: its machine forgot them, each time those of one set, or its disk lost a part of their past. */
  readonly #forgotten = new Map<NodeName, ReadonlySet<ReplicaId>[]>()
  readonly #lost = new Map<NodeName, Set<ReplicaId>>()

  constructor(readonly faults: Faults) {}

  get count(): number {
    return this.#owners.size
  }

  /** A process shows that it counts under an id. @throws Breach */
  uses(node: NodeName, life: number, id: ReplicaId): void {
    let known = this.#lives.get(node)
    if (known?.life !== life) this.#lives.set(node, (known = { life, live: undefined, ids: new Set() }))
    if (known.live === id) return
    known.live = id
    if (known.ids.has(id)) return
    known.ids.add(id)
    this.#check(node, life, id)
  }

  /** Whether a process counted under an id, as far as it was seen. */
  isOwn(node: NodeName, life: number, id: number): boolean {
    const known = this.#lives.get(node)
    return known !== undefined && known.life === life && (known.live === id || known.ids.has(id as ReplicaId))
  }

  /** All ids that a node used. */
  of(node: NodeName): ReadonlySet<ReplicaId> {
    return this.#ids.get(node) ?? new Set()
  }

  /** Nothing on the node's machine vouches for its ids any more. */
  forget(node: NodeName): void {
    this.#forgotten.set(node, [...this.#forgettings(node), new Set(this.of(node))])
  }

  /** The node's disk lost what was acknowledged under these ids. */
  lose(node: NodeName, ids: Iterable<ReplicaId>): void {
    giveUp(this.#lost, node, ids)
  }

  /** The node's process and machine came to an earlier moment. @param boots how often the machine had forgotten since */
  restore(node: NodeName, boots: number): void {
    this.forgive(node)
    const forgettings = this.#forgettings(node)
    this.#forgotten.set(node, forgettings.slice(0, forgettings.length - boots))
  }

  /** The node came to a moment, or a disk, at which nothing was lost under any id. */
  forgive(node: NodeName): void {
    this.#lost.delete(node)
  }

  #check(node: NodeName, life: number, id: ReplicaId): void {
    const text = `${node}, life ${life}, counts under ${showReplicaId(id)}`
    if (this.#forgettings(node).some(ids => ids.has(id)) || this.#lost.get(node)?.has(id)) {
      throw new Breach(5, 'id-resumed', `${text}, though it cannot know the past of that id`)
    }
    const owner = this.#owners.get(id)
    // A copy on the same machine finds the witness of the original, and may go on in its place.
    if (owner !== undefined && owner !== node && !this.faults.may('clone here')) {
      throw new Breach(5, 'id-shared', `${text}, which is an id of ${owner}`)
    }
    if (owner === undefined) this.#owners.set(id, node)
    const ids = this.#ids.get(node)
    if (ids) ids.add(id)
    else this.#ids.set(node, new Set([id]))
  }

  #forgettings(node: NodeName): readonly ReadonlySet<ReplicaId>[] {
    return this.#forgotten.get(node) ?? []
  }
}

function giveUp(given: Map<NodeName, Set<ReplicaId>>, node: NodeName, ids: Iterable<ReplicaId>): void {
  const all = given.get(node) ?? new Set()
  for (const id of ids) all.add(id)
  given.set(node, all)
}
