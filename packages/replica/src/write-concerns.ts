import type { ReplicaId, StoreId } from '@tallymesh/crdt'
import type { Effect, WriteConcern } from './effect.js'
import type { Membership } from './membership.js'
import type { DurableMark } from './protocol.js'

/** A caller that waits until enough stores confirm its commit. */
interface Ticket {
  readonly ticket: number
  readonly commit: number
  readonly replicas: WriteConcern
  readonly deadlineMs: number
  /** Where the commit ended in the own log, once it is durable here. */
  target: { readonly log: ReplicaId; readonly clock: number } | undefined
}

/** Follows which stores confirmed how much of the own logs, and tells those who wait. */
export class WriteConcerns {
  readonly #confirmed = new Map<ReplicaId, Map<StoreId, number>>()
  #tickets: Ticket[] = []

  constructor(
    readonly members: Membership,
    /** Logs with two histories: who confirms one may hold the other history. */
    readonly forked: ReadonlySet<ReplicaId>,
    readonly effects: Effect[],
  ) {}

  /** Waits for `commit`, until `timeoutMs` after now. The time runs out only for a commit that is durable here. */
  add(ticket: number, commit: number, replicas: WriteConcern, deadlineMs: number): void {
    this.#tickets.push({ ticket, commit, replicas, deadlineMs, target: undefined })
  }

  /** Commits up to number `done` are durable here, the last of them at `clock` of the own log `log`. */
  durable(done: number, log: ReplicaId, clock: number): void {
    for (const ticket of this.#tickets) if (ticket.commit <= done) ticket.target ??= { log, clock }
    this.#settle()
  }

  /** A store said how much of an own log it holds. What it says replaces what it said before: a disk may have been lost. */
  confirmed(mark: DurableMark): void {
    let stores = this.#confirmed.get(mark.log)
    if (!stores) this.#confirmed.set(mark.log, (stores = new Map()))
    stores.set(mark.store, mark.clock)
    this.#settle()
  }

  /** How much of a log a store confirmed. */
  clockOf(log: ReplicaId, store: StoreId): number {
    return this.#confirmed.get(log)?.get(store) ?? 0
  }

  tick(nowMs: number): void {
    if (this.#tickets.length > 0) this.#settle(nowMs)
  }

  #settle(nowMs = Number.NEGATIVE_INFINITY): void {
    if (this.#tickets.length === 0) return
    const majority = Math.floor(this.members.count / 2) + 1
    this.#tickets = this.#tickets.filter(({ ticket, replicas, deadlineMs, target }) => {
      if (!target) return true
      const wanted = replicas === 'majority' ? majority : replicas
      const confirmed = 1 + this.#count(target.log, target.clock)
      if (confirmed >= wanted) this.effects.push({ type: 'confirmed', ticket })
      else if (nowMs >= deadlineMs) this.effects.push({ type: 'unconfirmed', ticket, confirmed, wanted })
      else return true
      return false
    })
  }

  /** How many other stores that belong to the room, and are not about to leave it, hold `log` up to `clock`. */
  #count(log: ReplicaId, clock: number): number {
    let count = 0
    if (this.forked.has(log)) return count
    for (const [store, confirmed] of this.#confirmed.get(log) ?? []) {
      if (confirmed < clock || store === this.members.own || this.members.isRemoved(store)) continue
      if (!this.members.saidLeaving(store)) count++
    }
    return count
  }
}
