import type { ReplicaId, StoreId } from './ids.js'
import { ADOPTED_NUMBER_MIN } from './ledger-ids.js'

/** Ids of one list, at most. A list is written anew whenever it takes more of them; and few lists are read quickly. */
export const LIST_IDS_MAX = 256
/** Lists that `adding` writes in one go, at most: what is left has to wait for the next commit. */
const LISTS_MAX = 16

/** One of the lists in which a log names ids, for ever. It grows by later entries of its number, which repeat it. */
export interface IdList<Id extends ReplicaId | StoreId> {
  /** Which list of the log it is. */
  readonly number: number
  /** At least one, ascending, each once. */
  readonly ids: readonly Id[]
}

/** The ids that one log names as gone for good, in the lists in which it says so. */
export class IdLists<Id extends ReplicaId | StoreId> {
  readonly #lists = new Map<number, { readonly ids: readonly Id[]; readonly clock: number }>()
  /** All ids in them; made when somebody asks, as most logs that are loaded are never asked. */
  #ids: Set<Id> | undefined
  /** The number of the list that takes the next id. */
  #last = 0

  /** The log says this list, at this clock of it. What the list named before, in another history of the log, stays. */
  take({ number, ids }: IdList<Id>, clock: number): void {
    const known = this.#lists.get(number)
    this.#lists.set(number, { ids: known ? joined(known.ids, ids) : ids, clock })
    // A list that was taken over is repeated as it is: it must not grow here.
    if (number < ADOPTED_NUMBER_MIN) this.#last = Math.max(this.#last, number)
    if (this.#ids) for (const id of ids) this.#ids.add(id)
  }

  has(id: Id): boolean {
    this.#ids ??= new Set(this.ids())
    return this.#ids.has(id)
  }

  /** A clock at which the log says with certainty that an id is gone; undefined where it does not. O(lists) */
  clockOf(id: Id): number | undefined {
    for (const { ids, clock } of this.#lists.values()) if (ids.includes(id)) return clock
    return undefined
  }

  *ids(): IterableIterator<Id> {
    for (const { ids } of this.#lists.values()) yield* ids
  }

  *lists(): IterableIterator<IdList<Id>> {
    for (const [number, { ids }] of this.#lists) yield { number, ids }
  }

  /** What the log has to say to name these ids as well, as far as one commit may: its last list with some of them, and new lists. */
  *adding(ids: Iterable<Id>): IterableIterator<IdList<Id>> {
    const added = [...ids].filter(id => !this.has(id)).sort(ascending)
    let list = this.#lists.get(this.#last)?.ids ?? []
    for (let [from, number] = [0, this.#last]; from < added.length && number < this.#last + LISTS_MAX; number++) {
      const to = from + Math.max(0, LIST_IDS_MAX - list.length)
      if (to > from) yield { number, ids: [...list, ...added.slice(from, to)].sort(ascending) }
      from = to
      list = []
    }
  }
}

function joined<Id extends ReplicaId | StoreId>(known: readonly Id[], ids: readonly Id[]): readonly Id[] {
  const all = new Set([...ids, ...known])
  return all.size === ids.length ? ids : [...all].sort(ascending)
}

function ascending<Id extends ReplicaId | StoreId>(a: Id, b: Id): number {
  return a < b ? -1 : Number(a > b)
}
