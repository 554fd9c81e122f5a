import { FENCE_IDS_MAX, type FenceEntry } from './fold-entry.js'
import type { ReplicaId } from './ids.js'
import { ADOPTED_NUMBER_MIN } from './ledger-ids.js'

/** Lists that `adding` writes in one go, at most: what is left has to wait for the next commit. */
const LISTS_MAX = 16

interface FenceList {
  /** Ascending. */
  readonly replicas: readonly ReplicaId[]
  /** Of the log that says it. */
  readonly clock: number
}

/** The ids that one log says are folded whole, in the lists in which it says so. */
export class FenceLists {
  readonly #lists = new Map<number, FenceList>()
  /** All ids in them; made when somebody asks, as most logs that are loaded are never asked. */
  #ids: Set<ReplicaId> | undefined
  /** The number of the list that takes the next id. */
  #last = 0

  /** The log says this list, at this clock of it. What the list named before, in another history of the log, stays. */
  take({ number, replicas }: FenceEntry, clock: number): void {
    const known = this.#lists.get(number)
    this.#lists.set(number, { replicas: known ? joined(known.replicas, replicas) : replicas, clock })
    // A list that was taken over is repeated as it is: it must not grow here.
    if (number < ADOPTED_NUMBER_MIN) this.#last = Math.max(this.#last, number)
    if (this.#ids) for (const replica of replicas) this.#ids.add(replica)
  }

  has(replica: ReplicaId): boolean {
    this.#ids ??= new Set(this.ids())
    return this.#ids.has(replica)
  }

  /** A clock at which the log says with certainty that an id is folded whole; undefined where it does not. O(lists) */
  clockOf(replica: ReplicaId): number | undefined {
    for (const { replicas, clock } of this.#lists.values()) if (replicas.includes(replica)) return clock
    return undefined
  }

  *ids(): IterableIterator<ReplicaId> {
    for (const { replicas } of this.#lists.values()) yield* replicas
  }

  *entries(): IterableIterator<FenceEntry> {
    for (const [number, { replicas }] of this.#lists) yield { kind: 'fence', number, replicas }
  }

  /** What the log has to say to name these ids as well, as far as one commit may: its last list with some of them, and new lists. */
  *adding(replicas: Iterable<ReplicaId>): IterableIterator<FenceEntry> {
    const added = [...replicas].filter(replica => !this.has(replica)).sort(ascending)
    let list = this.#lists.get(this.#last)?.replicas ?? []
    for (let [from, number] = [0, this.#last]; from < added.length && number < this.#last + LISTS_MAX; number++) {
      const to = from + Math.max(0, FENCE_IDS_MAX - list.length)
      if (to > from) yield { kind: 'fence', number, replicas: [...list, ...added.slice(from, to)].sort(ascending) }
      from = to
      list = []
    }
  }
}

function joined(known: readonly ReplicaId[], replicas: readonly ReplicaId[]): readonly ReplicaId[] {
  const all = new Set([...replicas, ...known])
  return all.size === replicas.length ? replicas : [...all].sort(ascending)
}

function ascending(a: ReplicaId, b: ReplicaId): number {
  return a - b
}
