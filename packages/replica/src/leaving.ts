import type { ReplicaId, StoreId } from '@tallymesh/crdt'
import type { Commits } from './commits.js'
import type { MemberRecords } from './member-records.js'
import type { Member, Membership } from './membership.js'
import type { Peers } from './peers.js'
import type { Sync } from './sync.js'
import type { WriteConcerns } from './write-concerns.js'

/** `member`: it does not leave. `passing-on`: the others take what nobody else would give them. `confirming`: they make that and the own
 *  log durable. `removed`: the own log says that this store is out of the room. */
export type LeavingState = 'member' | 'passing-on' | 'confirming' | 'removed'

/** Who leaves. */
export interface Leaver {
  readonly members: Membership
  readonly commits: Commits
  readonly peers: Peers
  readonly sync: Sync
}

/** Takes this node out of the room for good, once every other member holds durably what is known here. Of members that leave at the same
 *  time at least one stays: each says so on all its links before its last commit, and goes only while it knows of one that does not
 *  leave, after all have confirmed that commit. Of two who rely on each other the one that confirmed later knew. */
export class Leaving {
  state: LeavingState = 'member'
  /** The log that says that this node is about to go; undefined while it has none. */
  #log: ReplicaId | undefined

  readonly #members: Membership
  readonly #commits: Commits
  readonly #peers: Peers
  readonly #sync: Sync

  constructor(
    { members, commits, peers, sync }: Leaver,
    readonly records: MemberRecords,
    readonly concerns: WriteConcerns,
  ) {
    this.#members = members
    this.#commits = commits
    this.#peers = peers
    this.#sync = sync
  }

  begin(): void {
    if (this.state !== 'member') return
    this.state = this.#members.isRemoved(this.#members.own) ? 'removed' : 'passing-on'
    this.#members.leaves = true
    this.#sync.heartbeat()
    this.#sync.ask()
  }

  /** It stays a member, unless its own log says already that it is out. */
  cancel(): void {
    if (this.state === 'removed') return
    this.state = 'member'
    this.#members.leaves = false
  }

  /** Asks once more what peers hold: what they got from others they do not tell by themselves. */
  compare(): void {
    if (this.state === 'passing-on') this.#sync.ask()
  }

  /** Gets on, where it can. */
  look(): void {
    if (this.state === 'passing-on' && this.#isComplete() && this.#sync.passedOn) {
      this.state = 'confirming'
      this.#log = this.#commits.replica
      // What peers took in before this commit is durable there once it is.
      this.records.renew()
    }
    if (this.state !== 'confirming' || this.#commits.pending || this.#commits.inFlight) return
    this.#log ??= this.#commits.replica
    if (this.#log === undefined || this.#log !== this.#commits.replica) {
      this.state = 'passing-on'
      return
    }
    if (this.lastOnes || !this.missing().next().done || !this.#isComplete()) return
    this.state = 'removed'
    this.records.remove(this.#members.own)
  }

  /** Whether nobody is left who does not leave, too. */
  get lastOnes(): boolean {
    for (const { store } of this.#others()) if (!this.#members.isLeaving(store)) return false
    return true
  }

  /** The members that are not linked, or not known to hold everything durably. */
  *missing(): IterableIterator<Member> {
    const own = this.#commits.state
    for (const member of this.#others()) {
      const { store } = member
      const holds = own && this.state === 'confirming' && this.concerns.clockOf(own.log, store) >= own.clock
      if (!holds || !this.#isLinked(store)) yield member
    }
  }

  #isComplete(): boolean {
    // Behind one that was never reached is a member that holds nothing of this node's, as far as is known.
    if (this.#members.unreached.length > 0) return false
    for (const { store } of this.#others()) if (!this.#isLinked(store)) return false
    return true
  }

  /** Linked, and it said whether it leaves. */
  #isLinked(store: StoreId): boolean {
    return this.#peers.hasStore(store) && this.#members.isLeaving(store) !== undefined
  }

  *#others(): IterableIterator<Member> {
    for (const member of this.#members.others()) if (!member.removed) yield member
  }
}
