import { absorbedUnder, type Folds, type OtherEntry, type ReplicaId } from '@tallymesh/crdt'
import type { Admission } from './admission.js'
import type { Commits } from './commits.js'
import { FoldGroup } from './fold-group.js'
import type { Peers } from './peers.js'
import { listRemoved } from './removed-members.js'
import type { Room } from './room.js'
import { SlotCursor } from './slot-cursor.js'
import type { Stands } from './stands.js'
import { carryOn, concernsOver, requiring, takenOver } from './taking-over.js'

/** Stands for entries that are not made yet. */
const SOMETHING: OtherEntry[] = [{ kind: 'floor', timeMs: 0 }]
/** How long what did not fit waits for its next try. */
const FULL_MS = 60_000
/** How often it is looked for ids that are nobody's, within the time after which they are claimed. */
const WATCHES = 16
/** Entries of one commit that take over, or drop, what a log says besides slots. */
const ENTRIES_MAX = 500

/** A fold of this node, as far as it is. */
interface Progress {
  readonly slots: SlotCursor
  /** All slots were folded then, in own time, up to this clock of the own log, and `seen` of the log that is folded. */
  done: { readonly sinceMs: number; readonly clock: number; readonly seen: number } | undefined
  /** What is left fits no absorbed slot. */
  full: boolean
}

/** What a fold waits for. */
export interface FoldState {
  readonly replica: ReplicaId
  /** `full`: a slot of it fits no absorbed slot, which ends at 2^53 - 1. */
  readonly state: 'retired' | 'claimed' | 'folding' | 'folded' | 'full'
}

export interface FoldingFigures {
  /** The ids under which nobody counts any more, as far as they are known here, and how far the fold of each is. */
  readonly retired: readonly FoldState[]
  /** How many ids are folded whole: a fence is all that is left of them. */
  readonly folded: number
  /** Names of the members that are away, where folding waits for them. */
  readonly waitsFor: readonly string[]
}

interface FoldingOptions {
  /** For how long an id is nobody's before it is claimed. */
  readonly afterMs: number
  /** For how long folded slots are remembered: what turns up of them meanwhile still counts. */
  readonly graceMs: number
  /** Removed members of which the own log keeps more than the store. */
  readonly removedKeptMax: number
}

/** Moves what was counted under ids that nobody writes under any more into the own log: of restarted nodes, of members that left or
 *  were removed, of forked logs. One claims an id; once every member stands past the claim nobody writes under it, and everything
 *  that was written is here. Then its slots move into absorbed slots, and at last a fence is all that stays. */
export class Folding {
  /** Whether there is something for the next commit. */
  due = false
  readonly hurried = true
  #nowMs = 0
  /** Since when ids are seen to be nobody's, in own time. */
  readonly #retired = new Map<ReplicaId, number>()
  readonly #progress = new Map<ReplicaId, Progress>()
  /** The own log may say something of ids that are folded whole. */
  #unclean = true
  /** How many ids were folded whole, and how many stores listed as removed, when that was looked at. */
  #folded = 0
  #listed = 0
  #watchedMs = Number.NEGATIVE_INFINITY

  constructor(
    readonly room: Room,
    readonly commits: Commits,
    readonly peers: Peers,
    readonly stands: Stands,
    readonly admission: Admission,
    readonly options: FoldingOptions,
  ) {}

  look(nowMs: number): void {
    this.#nowMs = nowMs
    for (const id of this.room.ended.splice(0)) {
      this.#retired.delete(id)
      this.#progress.delete(id)
    }
    const { fences } = this.#folds
    const { listed } = this.room.members
    this.#unclean ||= this.#folded !== fences || this.#listed !== listed
    this.#folded = fences
    this.#listed = listed
    this.#watch()
    this.due = this.#plan(false).length > 0
  }

  /** What the next commit of the own log says to get on; it is one batch. */
  take(): OtherEntry[] {
    this.due = false
    return this.#plan(true)
  }

  /** Whether nobody writes under an id any more, and all that was written is known here. */
  isFinal(id: ReplicaId): boolean {
    for (const { log, clock } of this.#folds.claimsOf(id)) {
      if (!this.room.isClosed(log) && this.stands.heldByAll(log) >= clock) return this.#isWhole(id)
    }
    return false
  }

  get figures(): FoldingFigures {
    const retired = [...this.states()]
    const waitsFor = retired.length > 0 ? [...this.stands.away()] : []
    return { retired, folded: this.#folds.fences, waitsFor }
  }

  /** The ids that are nobody's, and how far each is. */
  *states(): IterableIterator<FoldState> {
    const claimed = this.#folds.claimed()
    for (const replica of new Set([...this.#retired.keys(), ...claimed])) {
      if (this.room.isOver(replica)) continue
      const progress = this.#progress.get(replica)
      const folding = progress ? (progress.full ? 'full' : progress.done ? 'folded' : 'folding') : 'claimed'
      yield { replica, state: claimed.has(replica) ? folding : 'retired' }
    }
  }

  get #folds(): Folds {
    return this.room.ledger.folds
  }

  /** Whether somebody means to fold what is counted here: then this node goes on under another id, once no commit is in flight. */
  get isClaimed(): boolean {
    const { replica, inFlight } = this.commits
    if (inFlight) return false
    return replica !== undefined && (this.room.isOver(replica) || !this.#folds.claimsOf(replica).next().done)
  }

  /** Notes which ids are nobody's, often enough for `afterMs`. */
  #watch(): void {
    if (this.#nowMs - this.#watchedMs < this.options.afterMs / WATCHES) return
    this.#watchedMs = this.#nowMs
    const live = this.#live()
    const held = new Set([...this.room.logs.keys(), ...this.room.forked])
    for (const id of held) if (!live.has(id) && !this.#retired.has(id)) this.#retired.set(id, this.#nowMs)
    // A log that was damaged may be gone: what could be read of it is in others.
    for (const id of this.#retired.keys()) if (live.has(id) || !held.has(id)) this.#retired.delete(id)
  }

  #live(): Set<ReplicaId> {
    const live = new Set<ReplicaId>()
    if (this.commits.replica !== undefined) live.add(this.commits.replica)
    for (const { replica, linked } of this.peers) {
      if (replica !== 0) live.add(replica)
      for (const other of linked) live.add(other)
    }
    return live
  }

  /** @param commit whether the answer is going to be committed */
  #plan(commit: boolean): OtherEntry[] {
    const own = this.commits.replica
    if (own === undefined || this.room.isClosed(own)) return []
    if (this.room.ledger.clockOf(own) !== this.room.log(own).clock) return []
    const cleaned = this.#unclean ? this.#clean(own) : []
    if (cleaned.length > 0) return cleaned
    this.#unclean = false
    // What waits may tell of folds, too: of a log that is damaged everywhere, say, which acts once nobody can be waited for.
    if (this.room.ledger.waits) return []
    const folded = this.#foldAll(own, commit)
    return folded.length > 0 ? folded : this.#claims(own)
  }

  /** The one with the smallest id claims what is nobody's, while all members are there. A room of one store waits for another one: two
   *  copies of its disk that never met could not tell that both fold what they have in common. */
  #claims(own: ReplicaId): OtherEntry[] {
    if (this.#retired.size === 0 || !this.stands.complete || this.stands.alone) return []
    const live = this.#live()
    for (const id of live) if (id < own) return []
    const entries: OtherEntry[] = []
    for (const [id, sinceMs] of this.#retired) {
      if (this.#nowMs - sinceMs < this.options.afterMs || live.has(id) || !this.#isWhole(id) || this.#isClaimed(id))
        continue
      if (!this.admission.ask()) return []
      // Whoever learns of the claim learned of the fork before it, and adopts what it knows of the log.
      const fork: OtherEntry = { kind: 'fork', replica: id }
      if (!this.room.forked.has(id) || this.room.carried.says(own, fork)) entries.push({ kind: 'claim', replica: id })
      else this.commits.carry(fork)
      if (entries.length >= ENTRIES_MAX) break
    }
    return entries
  }

  /** Whether somebody who may still write claims an id. */
  #isClaimed(id: ReplicaId): boolean {
    for (const { log } of this.#folds.claimsOf(id)) if (!this.#isDead(log)) return true
    return false
  }

  /** Whether nobody writes a log any more; or it is not here: a claim that only a damaged disk had. */
  #isDead(log: ReplicaId): boolean {
    return this.room.isClosed(log) || !this.room.logs.has(log) || (log !== this.commits.replica && this.isFinal(log))
  }

  /** Whether all of a log that is known to be somewhere is here. */
  #isWhole(id: ReplicaId): boolean {
    if (this.room.forked.has(id)) return true
    const log = this.room.logs.get(id)
    return log?.complete === true && this.room.ledger.clockOf(id) === log.clock
  }

  /** What the next commit does of all that this node claims: slots, fences and claims of several ids go together, what is taken over
   *  of one goes alone. */
  #foldAll(own: ReplicaId, commit: boolean): OtherEntry[] {
    const group = new FoldGroup(this.room.table, own)
    const entries: OtherEntry[] = []
    const over: ReplicaId[] = []
    for (const [id, claimed] of this.#folds.claimsBy(own)) {
      const step = this.#step(own, id, claimed)
      if (step === undefined) continue
      if (!commit) return SOMETHING
      if (step === 'slots') {
        const progress = this.#progressOf(own, id)
        progress.done = undefined
        group.add(progress.slots)
      } else if (step === 'fence') over.push(id)
      else if (step === 'withdraw') entries.push({ kind: 'drop', of: { claim: id } })
      else if (entries.length + over.length === 0 && !group.any) return step.slice(0, ENTRIES_MAX)
      if (group.full || entries.length + over.length >= ENTRIES_MAX) break
    }
    return [...group.entries(this.room.log(own).clock), ...this.#folds.fencing(own, over), ...entries]
  }

  /** What comes next for an id that this node claims: entries to take over, slots to fold, the fence; nothing while that waits. */
  #step(own: ReplicaId, id: ReplicaId, claimed: number): OtherEntry[] | 'slots' | 'fence' | 'withdraw' | undefined {
    for (const { log } of this.#folds.claimsOf(id)) if (log < own && !this.#isDead(log)) return 'withdraw'
    const seen = this.room.ledger.clockOf(id)
    // A copy of a disk brought a tail: it is folded, too.
    if (seen > (this.#progress.get(id)?.done?.seen ?? seen)) this.#progress.delete(id)
    if (this.#isRemembered(id) || this.stands.heldByAll(own) < claimed || !this.#isWhole(id)) return undefined
    const taken = takenOver(this.room, own, id)
    if (taken.length > 0) return taken
    if (carryOn(this.room, this.commits, id)) return undefined
    const progress = this.#progressOf(own, id)
    if (progress.slots.more()) return 'slots'
    progress.done ??= { sinceMs: this.#nowMs, clock: this.room.ledger.clockOf(own), seen }
    if (this.#isRemembered(id) || this.stands.heldByAll(own) < progress.done.clock) return undefined
    if (!progress.slots.isLeft()) return 'fence'
    // Something is left after all; or the absorbed slot has no room, and what does not fit counts where it is for ever.
    this.#progress.delete(id)
    const again = this.#progressOf(own, id)
    again.full = !again.slots.more()
    if (again.full) again.done = { ...progress.done, sinceMs: this.#nowMs + FULL_MS }
    return undefined
  }

  /** Whether all of an id is folded, and what turns up of it still counts. */
  #isRemembered(id: ReplicaId): boolean {
    const done = this.#progress.get(id)?.done
    return done !== undefined && this.#nowMs - done.sinceMs < this.options.graceMs
  }

  #progressOf(own: ReplicaId, id: ReplicaId): Progress {
    let progress = this.#progress.get(id)
    if (!progress) {
      const { table } = this.room
      const slots = new SlotCursor(table, id, ({ key, counted: { p, n } }) => {
        const into = table.slot(absorbedUnder(own), table.idOf(key))
        return Number.isSafeInteger(into.p + p) && Number.isSafeInteger(into.n + n)
      })
      this.#progress.set(id, (progress = { slots, done: undefined, full: false }))
    }
    return progress
  }

  /** What the own log says of ids that are folded whole by now, besides fences. */
  #clean(own: ReplicaId): OtherEntry[] {
    const drops: OtherEntry[] = []
    const isOver = (id: ReplicaId) => this.room.isOver(id)
    for (const id of this.#folds.claimsBy(own).keys()) if (isOver(id)) drops.push({ kind: 'drop', of: { claim: id } })
    for (const entry of this.#folds.by(own)) {
      if (isOver(entry.replica)) drops.push({ kind: 'drop', of: { fold: entry.replica, number: entry.number } })
    }
    const over = [...(this.room.ledger.logs.get(own)?.requires ?? [])].filter(([log]) => isOver(log))
    const points = over.map(([log, clock]) => ({ log, clock }))
    drops.push(...requiring(this.room, own, points))
    for (const { log } of points) drops.push({ kind: 'drop', of: { requires: log } })
    // What reads fences reads these lists, too.
    if (this.#folds.fences > 0) drops.push(...listRemoved(this.room, own, this.options.removedKeptMax))
    for (const entry of this.room.carried.of(own)) {
      if (!concernsOver(this.room, entry)) continue
      if (entry.kind === 'fork') drops.push({ kind: 'drop', of: { fork: entry.replica } })
      if (entry.kind === 'adopted') drops.push({ kind: 'drop', of: { adopted: entry.replica, key: entry.key } })
    }
    return drops.slice(0, ENTRIES_MAX)
  }
}
