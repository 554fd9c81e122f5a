import { type ReplicaId, showReplicaId, TallymeshError } from '@tallymesh/crdt'
import type { Commits } from './commits.js'
import type { Effect } from './effect.js'
import type { Room } from './room.js'

const HOUR_MS = 3_600_000
const IDENTITY_CHANGES_MAX = 3

/** Freezes logs that have two histories. Their slots keep their maximum and are carried by other logs from then on; nothing
 *  is recounted: never doubled, and never silent. */
export class Forks {
  #changesMs: number[] = []
  /** Somebody else goes on using this node's identity. */
  contested = false

  constructor(
    readonly name: string,
    readonly room: Room,
    readonly commits: Commits,
    readonly effects: Effect[],
  ) {}

  /** Freezes the logs that the store says are forked. */
  load(): void {
    const forks = this.room.takeForks()
    for (const log of forks) this.room.forked.add(log)
    // A crash may have come between the record of a fork and the adoption of what this node held.
    for (const log of forks) this.adopt(log)
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

  /** Carries on what only this log says. */
  adopt(log: ReplicaId): void {
    for (const entry of this.room.uncarried(log)) this.commits.carry(entry)
  }

  #freeze(log: ReplicaId, reason: string, nowMs: number): void {
    const known = this.room.forked.has(log)
    this.room.forked.add(log)
    this.adopt(log)
    if (known) return
    const own = log === this.commits.replica
    const bound = own ? `. This node takes a fresh id; at most ${this.#countedHere(log)} counts of it are lost` : ''
    const text = `two histories exist under replica id ${showReplicaId(log)}: ${reason}${bound}`
    this.effects.push({ type: 'report', error: new TallymeshError('LOG_FORKED', text) })
    if (own) this.#giveUpId(nowMs)
  }

  /** An upper bound of what the other history may hide: all that the own slots of this id hold. */
  #countedHere(log: ReplicaId): bigint {
    let sum = 0n
    for (const { p, n } of this.room.table.slotsOf(log)) sum += BigInt(p) + BigInt(n)
    return sum
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
