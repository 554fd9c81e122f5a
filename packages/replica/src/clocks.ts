import type { ReplicaId, Verdict } from '@tallymesh/crdt'
import type { Commits } from './commits.js'
import type { Peer, Peers } from './peers.js'
import { type LogState, type Message, stateOf } from './protocol.js'
import type { Room } from './room.js'
import type { SyncOwner } from './sync.js'

/** Logs that are asked for at once on one link. */
const PULLS_MAX = 8
/** Log states in one frame: 24 bytes each stay below the frame's limit. */
const STATES_MAX = 30_000
/** Comparisons, or answers, in a row after which a partly held log that no peer can complete is given up. */
const STUCK_ROUNDS_MAX = 3

/** Compares what this node and its peers hold, and asks for what is missing here (anti-entropy). */
export class Clocks {
  /** For each log that is held in part and that no linked peer can complete: since how many comparisons. */
  #stuck = new Map<ReplicaId, number>()
  /** For each log that is held in part: how many answers in a row did not fit that part. */
  readonly #unusable = new Map<ReplicaId, number>()
  /** For how many comparisons in a row something waited for logs that no peer holds. */
  #waited = 0

  constructor(
    readonly room: Room,
    readonly commits: Commits,
    readonly peers: Peers,
    readonly owner: SyncOwner,
  ) {}

  /** Says how far all logs are here. Past one frame the peer is not asked for an answer: it says the same itself. */
  announce(peer: Peer): void {
    const logs = [...this.#states()]
    const full = logs.length <= STATES_MAX
    for (let from = 0; from === 0 || from < logs.length; from += STATES_MAX) {
      this.peers.send(peer, { type: 'clocks', full, logs: logs.slice(from, from + STATES_MAX) })
    }
  }

  /** Asks every peer how far all logs are there. */
  ask(): void {
    for (const peer of this.peers) {
      this.announce(peer)
      // Who is told of no log answers with all.
      this.peers.send(peer, { type: 'clocks', full: true, logs: [] })
    }
  }

  /** Whether every linked peer is known to have what neither it nor anybody that it is linked to wrote: the logs that nobody else may be
   *  there to give it. O(peers × logs) */
  get passedOn(): boolean {
    for (const { id, clock, complete } of this.room.logs.values()) {
      if (clock === 0 || !complete || id === this.commits.replica || this.room.isClosed(id)) continue
      for (const { replica, linked, has } of this.peers) {
        if (replica !== id && !linked.has(id) && (has.get(id) ?? 0) < clock) return false
      }
    }
    return true
  }

  /** Compares again with the peers whose sums differ, and asks again for what was asked and never came. */
  compare(): void {
    for (const peer of this.peers) {
      if (!peer.differs) continue
      peer.differs = false
      // Answers may take long; only where none came at all is a question taken for lost.
      if (!peer.answered) peer.pulling.clear()
      peer.answered = false
      this.announce(peer)
    }
    this.#giveUpStuck()
    this.#giveUpWaiting()
  }

  /** Takes in how far a peer is. */
  take(peer: Peer, states: readonly LogState[], full: boolean): void {
    const { replica } = this.commits
    if (!peer.said && replica !== undefined) peer.unproven ??= { log: replica, clock: this.#clock(replica) }
    // What takes more than one frame ends with one that is not full.
    peer.said ||= full || states.length < STATES_MAX
    const theirs = new Set<ReplicaId>()
    const ahead: LogState[] = []
    for (const state of states) {
      theirs.add(state.log)
      // More may be on its way to the peer than it knew when it wrote this.
      peer.has.set(state.log, Math.max(peer.has.get(state.log) ?? 0, state.clock))
      const own = this.#compareLog(peer, state)
      if (own) ahead.push(own)
      if (state.clock > this.#clock(state.log)) peer.wanted.add(state.log)
    }
    this.pullMore(peer)
    if (!full) return
    for (const state of this.#states()) if (!theirs.has(state.log)) ahead.push(state)
    for (let from = 0; from < ahead.length; from += STATES_MAX) {
      this.peers.send(peer, { type: 'clocks', full: false, logs: ahead.slice(from, from + STATES_MAX) })
    }
  }

  /** How many batches linked peers are known to hold beyond what is held here, over all logs. Of a frozen log nothing is
   *  missing: it is not exchanged. O(peers × logs) */
  get behind(): number {
    const ahead = new Map<ReplicaId, number>()
    for (const { has } of this.peers) {
      for (const [log, clock] of has) {
        if (this.#isMissing(log, clock)) ahead.set(log, Math.max(clock, ahead.get(log) ?? 0))
      }
    }
    let behind = 0
    for (const [log, clock] of ahead) behind += clock - this.#clock(log)
    return behind
  }

  /** Whether somebody is linked, and everybody who is has said what it holds, and nothing of that is missing here. */
  get level(): boolean {
    for (const { said, has } of this.peers) {
      if (!said) return false
      for (const [log, clock] of has) if (this.#isMissing(log, clock)) return false
    }
    return this.peers.size > 0
  }

  /** Asks a peer for the logs in which it is ahead, a few at a time, each from one peer only. */
  pullMore(peer: Peer): void {
    for (const log of peer.wanted) {
      if (peer.pulling.size >= PULLS_MAX) return
      if ((peer.has.get(log) ?? 0) > this.#clock(log)) this.pull(peer, log)
      else peer.wanted.delete(log)
    }
  }

  /** A peer holds the same as this node: what it had beyond that it forgot, to fetch it afresh. That says what it holds as well as clocks
   *  do, which may be lost on the way. O(logs) */
  equal(peer: Peer): void {
    peer.said = true
    peer.unproven = undefined
    const { state } = this.commits
    if (state) peer.has.set(state.log, Math.max(peer.has.get(state.log) ?? 0, state.clock))
    // Whatever is still asked for was lost, and came from others or is not wanted any more.
    peer.pulling.clear()
    for (const [log, clock] of peer.has) if (this.#isMissing(log, clock)) peer.has.set(log, this.#clock(log))
  }

  /** An answer came. One to an earlier question, that came twice or late, is not the one that is waited for: to ask again for each would
   *  multiply the questions. */
  answered(peer: Peer, log: ReplicaId, verdict: Verdict): void {
    const asked = 'update' in verdict ? verdict.update.clock : undefined
    if (asked === undefined || asked === peer.pulling.get(log)) peer.pulling.delete(log)
  }

  /** A peer has nothing of a log that this node lacks: others may be asked. */
  exhausted(peer: Peer, log: ReplicaId): void {
    peer.pulling.delete(log)
    peer.has.set(log, Math.min(peer.has.get(log) ?? 0, this.#clock(log)))
    for (const other of this.peers) this.pullMore(other)
  }

  /** An answer does not fit what is held of a log in part. Its writer may have been set back behind that: then none ever will. */
  unusable(log: ReplicaId): void {
    const answers = (this.#unusable.get(log) ?? 0) + 1
    this.#unusable.set(log, answers)
    if (answers < STUCK_ROUNDS_MAX) return
    this.#unusable.delete(log)
    this.owner.stuck(log)
  }

  /** A log came forward. */
  used(log: ReplicaId): void {
    this.#unusable.delete(log)
  }

  pull(peer: Peer, log: ReplicaId): void {
    peer.wanted.add(log)
    if (log === this.commits.replica || this.room.isClosed(log)) {
      peer.wanted.delete(log)
      return
    }
    for (const other of this.peers) if (other.pulling.has(log)) return
    const clock = this.#clock(log)
    peer.pulling.set(log, clock)
    this.peers.send(peer, { type: 'pull', log, clock })
  }

  /** The heartbeat, with a sum over all logs: two nodes whose sums are equal hold the same. Who leaves names itself among its peers. */
  ping(): Extract<Message, { type: 'ping' }> {
    const linked: ReplicaId[] = []
    for (const { replica } of this.peers) if (replica !== 0) linked.push(replica)
    const { replica } = this.commits
    if (replica !== undefined && this.room.members.leaves) linked.push(replica)
    return { type: 'ping', replica: replica ?? 0, linked, ...this.sum() }
  }

  /** A sum over all logs that can be served. It is asked for with each heartbeat, sent or received: so it makes no states. */
  sum(): { lo: number; hi: number } {
    const { replica: live, state: own } = this.commits
    const { logs, forked } = this.room
    let lo = own ? term(own.lo, own.clock, own.log) : 0
    let hi = own ? term(own.hi, own.clock, own.log) : 0
    for (const log of logs.values()) {
      const { id, clock, digest, tip = 0 } = log
      if (id === live || clock === 0 || forked.has(id) || !log.complete) continue
      lo = (lo + term(digest.lo ^ tip, clock, id)) >>> 0
      hi = (hi + term(digest.hi, clock, id)) >>> 0
    }
    return { lo, hi }
  }

  /** Compares one log; answers the own state where this node is ahead. */
  #compareLog(peer: Peer, state: LogState): LogState | undefined {
    if (this.room.isClosed(state.log)) return undefined
    if (state.log === this.commits.replica) return this.#compareOwn(peer, state)
    const log = this.room.logs.get(state.log)
    if (!log || log.clock < state.clock) return undefined
    if (log.clock > state.clock) return log.complete ? stateOf(log) : undefined
    // The peer has all there is up to here, this node only a part whose rest nobody may hold any more: fetch it whole.
    if (!log.complete) this.room.refetch(log.id)
    else if (differs(stateOf(log), state)) {
      this.owner.diverged(log.id, `${peer.identity.name} holds another history of it at the same clock`, [])
    }
    return undefined
  }

  /** Nobody may hold more of the own log than was written. A copy of this disk may hold the commit in flight already. */
  #compareOwn(peer: Peer, state: LogState): LogState | undefined {
    const own = this.commits.state
    const written = stateOf(this.room.log(state.log))
    if (state.clock > written.clock) {
      this.owner.diverged(state.log, `${peer.identity.name} holds more of the own log than this node wrote`, [])
      return undefined
    }
    const known = state.clock === written.clock ? written : state.clock === own?.clock ? own : undefined
    const said = known ?? this.commits.states.at(state.clock)
    if (said && differs(said, state)) {
      this.owner.diverged(state.log, `${peer.identity.name} holds another history of the own log`, [])
    } else if (known) peer.unproven = undefined
    return own && state.clock < own.clock ? own : undefined
  }

  /** A catch-up whose sender is gone for good would never end: what came of it is adopted, and the log fetched afresh from
   *  whoever holds it whole. Without peers there is nobody to fetch it from: then it waits, to be resumed. */
  #giveUpStuck(): void {
    const stuck = new Map<ReplicaId, number>()
    for (const log of this.room.logs.values()) {
      if (log.complete || this.peers.size === 0 || this.room.isClosed(log.id)) continue
      if ([...this.peers].some(peer => (peer.has.get(log.id) ?? 0) > log.clock)) continue
      stuck.set(log.id, (this.#stuck.get(log.id) ?? 0) + 1)
    }
    this.#stuck = stuck
    for (const [log, rounds] of stuck) if (rounds >= STUCK_ROUNDS_MAX) this.owner.stuck(log)
  }

  /** What others dropped and forgot may require logs that nobody holds any more: then it acts without. */
  #giveUpWaiting(): void {
    this.#waited = this.room.ledger.waits && this.level ? this.#waited + 1 : 0
    if (this.#waited > STUCK_ROUNDS_MAX) this.room.actWithout()
  }

  #isMissing(log: ReplicaId, clock: number): boolean {
    return clock > this.#clock(log) && !this.room.isClosed(log) && log !== this.commits.replica
  }

  #states(): IterableIterator<LogState> {
    return this.room.states(this.commits.replica, this.commits.state)
  }

  #clock(log: ReplicaId): number {
    return this.room.logs.get(log)?.clock ?? 0
  }
}

/** What one log adds to a lane of the sum: multiplied by its id, so that two logs that swap their states do not cancel out. */
function term(lane: number, clock: number, log: ReplicaId): number {
  return Math.imul(lane ^ clock, (log & 0xffffffff) | 1) >>> 0
}

function differs(a: LogState, b: LogState): boolean {
  return a.lo !== b.lo || a.hi !== b.hi
}
