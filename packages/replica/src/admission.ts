import type { ReplicaId, StoreId } from '@tallymesh/crdt'
import type { Commits } from './commits.js'
import type { Room } from './room.js'
import type { Stands } from './stands.js'

/** Whether this node may take operations under its id: once every member is known to know of the id, and everything that each
 *  knew then is known here. Who settles waits for every member; so nobody may take what others settled, and forgot, before
 *  they knew of it. */
export class Admission {
  /** The id under which the room was asked, and the clock of the own log by which it was. */
  #asking: { readonly replica: ReplicaId; readonly clock: number } | undefined
  #admitted: ReplicaId | undefined
  /** Somebody wants to count operations. */
  asked = false

  constructor(
    readonly store: StoreId,
    readonly room: Room,
    readonly commits: Commits,
    readonly stands: Stands,
  ) {}

  /** Whether operations may be taken now; where not, the room is asked. */
  ask(): boolean {
    this.asked = true
    this.look()
    return this.admitted
  }

  get admitted(): boolean {
    const { replica } = this.commits
    return replica !== undefined && this.#admitted === replica
  }

  /** Looks how far it is. Answers whether the node was admitted just now. */
  look(): boolean {
    if (!this.asked) return false
    const { replica } = this.commits
    if (replica === undefined) {
      // Carried, it opens the log of a fresh id.
      this.#carry(false)
      return false
    }
    if (this.#admitted === replica) return false
    const own = this.room.ledger.logs.get(replica)
    if (own?.admission?.admitted) {
      this.#admitted = replica
      return true
    }
    if (!own?.admission) {
      this.#carry(false)
      return false
    }
    if (this.#asking?.replica !== replica) this.#asking = { replica, clock: own.clock }
    if (this.stands.heldByAll(replica) < this.#asking.clock) return false
    this.#admitted = replica
    this.#carry(true)
    return true
  }

  #carry(admitted: boolean): void {
    this.commits.carry({ kind: 'admission', store: this.store, admitted })
  }
}
