import { type LogPoint, type ReplicaId, saidAlone, showReplicaId, TallymeshError } from '@tallymesh/crdt'
import type { Commits } from './commits.js'
import type { Effect } from './effect.js'
import type { Operations } from './operations.js'
import type { Room } from './room.js'
import type { Sync } from './sync.js'
import { uncarried, unsaid } from './uncarried.js'

const HOUR_MS = 3_600_000
const IDENTITY_CHANGES_MAX = 3
const FOLDED = 'it was folded, while this process counted on'

/** Freezes logs that have two histories. Their slots keep their maximum and are carried by other logs from then on; nothing
 *  is recounted: never doubled, and never silent. */
export class Forks {
  readonly room: Room
  readonly commits: Commits
  #changesMs: number[] = []
  /** The ids that this process gave up as somebody means to fold them, and how much it knew to be counted under each. */
  readonly #claimed = new Map<ReplicaId, bigint>()
  /** Frozen logs whose operations are not carried on yet, and where the own log says that they are frozen. */
  readonly #waiting = new Set<ReplicaId>()
  #told: LogPoint | undefined
  /** Logs that were given up while what they said could not act yet. */
  readonly #staged = new Set<ReplicaId>()
  /** Somebody else goes on using this node's identity. */
  contested = false

  constructor(
    readonly name: string,
    readonly sync: Sync,
    readonly operations: Operations,
    readonly effects: Effect[],
  ) {
    this.room = sync.room
    this.commits = sync.commits
  }

  /** Whether everything is here that can be got now: all that the linked peers hold, or this node is alone in its room. */
  get hasAll(): boolean {
    return this.sync.level || (this.sync.peers.size === 0 && this.operations.stands.alone)
  }

  /** Freezes the logs that the store says are forked. */
  load(): void {
    const forks = this.room.takeForks()
    for (const log of forks) this.room.freeze(log, true)
    // A crash may have come between the record of a fork and the adoption of what this node held.
    for (const log of forks) {
      this.#waiting.add(log)
      this.#adoptFrozen(log)
    }
  }

  /** A second history of `log` was met here: all nodes have to know. */
  met(log: ReplicaId, reason: string, nowMs: number): void {
    const known = this.room.forked.has(log)
    this.#freeze(log, reason, nowMs)
    // Behind the adopted slots: once the fork is on the disk, so are they.
    if (!known) this.commits.carry({ kind: 'fork', replica: log })
  }

  /** Freezes what other nodes say is forked. */
  learned(nowMs: number): void {
    for (const log of this.room.takeForks()) this.#freeze(log, 'a peer met both', nowMs)
  }

  /** What is counted under the own id is folded, or is going to be: this node goes on under another one. */
  folded(nowMs: number): void {
    const { replica } = this.commits
    if (replica === undefined) return
    if (this.room.isOver(replica)) this.#freeze(replica, FOLDED, nowMs)
    else this.#claimed.set(replica, this.#countedHere(replica))
    this.commits.abandon()
  }

  /** Of an id that was given up less may be folded than was counted here: a process that was set back to an earlier memory counts on under
   *  an id that the room is done with. */
  look(): void {
    this.#lookWaiting()
    this.#lookStaged()
    for (const [replica, counted] of this.#claimed) {
      if (!this.room.isOver(replica)) continue
      this.#claimed.delete(replica)
      if (this.room.ledger.folds.missed.has(replica)) this.#report(replica, FOLDED, counted)
    }
  }

  /** A log that was fetched afresh may be another history of it: what was known before and it does not say is carried on. Who writes the log
   *  learns by that. */
  compare(): void {
    if (!this.hasAll) return
    const { begunAnew } = this.room
    for (const log of begunAnew.whole(this.room)) {
      for (const entry of unsaid(this.room, log)) this.commits.carry(entry)
      begunAnew.delete(log.id)
    }
  }

  /** Carries on what only this log says, as soon as that acts. */
  adopt(log: ReplicaId): void {
    for (const entry of uncarried(this.room, log)) this.commits.carry(entry)
    if (this.room.ledger.staging.has(log)) this.#staged.add(log)
  }

  /** What was waited for is here, or was given up: what waited for it acts now. Of a log that came again nothing has to be carried. */
  #lookStaged(): void {
    for (const log of this.#staged) {
      if (this.room.ledger.staging.has(log)) continue
      this.#staged.delete(log)
      if (!this.room.logs.has(log) && !this.room.isClosed(log)) this.adopt(log)
    }
  }

  /** As `adopt`, of a frozen log. What this node held of it may be old where that node, or its disk, was set back behind operations that
   *  the room settled and forgot: in its own log, and in others until it is admitted. Those wait until some peer is known to know
   *  of the id under which they would be carried on, and what that peer knew then is known here, floors included. */
  #adoptFrozen(log: ReplicaId): void {
    const waits = this.#waiting.has(log)
    for (const entry of uncarried(this.room, log)) if (entry.kind !== 'operation' || !waits) this.commits.carry(entry)
  }

  /** Whether operations of frozen logs wait. O(what these carry) */
  get waits(): boolean {
    for (const log of this.#waiting) {
      for (const { kind } of saidAlone(this.room.ledger, log)) if (kind === 'operation') return true
    }
    return false
  }

  #lookWaiting(): void {
    const { replica, state, pending, inFlight } = this.commits
    if (this.#waiting.size === 0 || replica === undefined || !state) return
    if (this.#told?.log !== replica) {
      // The fork is among what was carried until now.
      if (pending || inFlight) return
      this.#told = { log: replica, clock: state.clock }
    }
    for (const { stand } of this.sync.peers) {
      if ((stand.covered.get(replica) ?? 0) < this.#told.clock) continue
      const waiting = [...this.#waiting]
      this.#waiting.clear()
      for (const log of waiting) this.#adoptFrozen(log)
      return
    }
  }

  #freeze(log: ReplicaId, reason: string, nowMs: number): void {
    const known = this.room.forked.has(log)
    const own = log === this.commits.replica
    const doubted = !known && (own || !this.operations.isAdmitted)
    this.room.freeze(log, doubted)
    if (!known) this.#report(log, reason, own ? this.#countedHere(log) : undefined)
    if (own && !known) this.#giveUpId(nowMs)
    if (doubted) this.#waiting.add(log)
    this.#adoptFrozen(log)
  }

  /** @param counted what this process may lose of what it counted under the id */
  #report(log: ReplicaId, reason: string, counted: bigint | undefined): void {
    const bound = counted === undefined ? '' : `. This node takes a fresh id; at most ${counted} counts of it are lost`
    const text = `two histories exist under replica id ${showReplicaId(log)}: ${reason}${bound}`
    this.effects.push({ type: 'report', error: new TallymeshError('LOG_FORKED', text) })
  }

  /** An upper bound of what the other history may hide: all that the own slots of this id hold, or held before it was folded. */
  #countedHere(log: ReplicaId): bigint {
    let [slots, cells] = [0n, 0n]
    for (const { p, n } of this.room.table.slotsOf(log)) slots += BigInt(p) + BigInt(n)
    for (const { batchedP, batchedN } of this.commits.cells()) cells += BigInt(batchedP) + BigInt(batchedN)
    return slots > cells ? slots : cells
  }

  #giveUpId(nowMs: number): void {
    this.commits.abandon()
    this.#changesMs = [...this.#changesMs.filter(changeMs => nowMs - changeMs < HOUR_MS), nowMs]
    if (this.#changesMs.length <= IDENTITY_CHANGES_MAX || this.contested) return
    this.contested = true
    const text = `the replica id of ${this.name} changed ${this.#changesMs.length} times in an hour; find the other user`
    this.effects.push({ type: 'report', error: new TallymeshError('IDENTITY_CONTESTED', text) })
  }
}
