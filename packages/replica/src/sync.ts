import { type CheckedUpdate, type Entry, type ReplicaId, type StoreId, TallymeshError, type Verdict } from '@tallymesh/crdt'
import type { Commits, InFlight } from './commits.js'
import type { Effect, LinkId, PeerIdentity } from './effect.js'
import { type DurableMark, encodeMessage, type LogState, type Message } from './protocol.js'
import { Room } from './room.js'

/** What is known of the peer at the other end of a link. */
interface Peer {
  readonly link: LinkId
  readonly identity: PeerIdentity
  /** The peer's live replica id now. */
  replica: ReplicaId | 0
  /** The replica ids that the peer is directly linked to: their commits need no relay through here. */
  linked: ReadonlySet<ReplicaId>
  /** Up to which clock the peer is known to hold each log, without gaps. */
  readonly has: Map<ReplicaId, number>
  /** Logs asked for on this link and not answered yet. */
  readonly pulling: Set<ReplicaId>
  /** Questions for the own log, which waits for the commit in flight. */
  readonly asked: Map<ReplicaId, number>
  /** The sum over the peer's logs did not equal the own one at its last heartbeat. */
  differs: boolean
}

/** Bytes of an update in one frame, about. */
const DIFF_BYTES = 256 * 1024
const PULLS_MAX = 8

/** What sync needs from the replica around it. */
export interface SyncOwner {
  /** Two histories exist under `log`, or the local one is damaged beyond a refetch. */
  diverged(log: ReplicaId, reason: string, entries: readonly Entry[]): void
  /** New entries of a log arrived. */
  learned(log: ReplicaId, entries: readonly Entry[]): void
  /** A store confirmed an own log. */
  confirmed(mark: DurableMark): void
}

/** Exchanges logs with the peers: what is new goes out as it happens, what is missing is asked for in bounded parts, and
 *  clocks are compared again and again (anti-entropy). An update is applied only where it follows without a gap. */
export class Sync {
  readonly #peers = new Map<LinkId, Peer>()

  constructor(
    readonly room: Room,
    readonly commits: Commits,
    readonly own: StoreId,
    readonly effects: Effect[],
    readonly owner: SyncOwner,
  ) {}

  open(link: LinkId, identity: PeerIdentity): void {
    const peer: Peer = {
      link,
      identity,
      replica: identity.replica,
      linked: new Set(),
      has: new Map(),
      pulling: new Set(),
      asked: new Map(),
      differs: false,
    }
    this.#peers.set(link, peer)
    this.#send(peer, { type: 'clocks', full: true, logs: [...this.room.states(this.commits.state)] })
    this.#send(peer, this.#ping())
    this.#confirmTo(peer)
  }

  closed(link: LinkId): void {
    this.#peers.delete(link)
    for (const peer of this.#peers.values()) this.#pullMore(peer)
  }

  links(): IterableIterator<LinkId> {
    return this.#peers.keys()
  }

  peer(link: LinkId): Readonly<Peer> | undefined {
    return this.#peers.get(link)
  }

  /** Tells every peer that this node lives, and how its logs sum up. */
  heartbeat(): void {
    const ping = this.#ping()
    for (const peer of this.#peers.values()) this.#send(peer, ping)
  }

  /** Compares clocks with the peers whose sums differ. */
  compare(): void {
    for (const peer of this.#peers.values()) {
      if (!peer.differs) continue
      peer.differs = false
      peer.pulling.clear()
      this.#send(peer, { type: 'clocks', full: true, logs: [...this.room.states(this.commits.state)] })
    }
  }

  /** Takes a message in. @throws TallymeshError what the peer sent may not be; it changed nothing, and the link should end */
  receive(link: LinkId, message: Message): void {
    const peer = this.#peers.get(link)
    if (!peer) return
    switch (message.type) {
      case 'clocks':
        this.#compareClocks(peer, message.logs, message.full)
        return
      case 'pull':
        this.#answer(peer, message.log, message.clock)
        return
      case 'diff':
        peer.pulling.delete(message.log)
        if (this.#take(peer, message.log, message.update) && message.more) this.#pull(peer, message.log)
        this.#pullMore(peer)
        return
      case 'update':
        this.#take(peer, message.log, message.update)
        return
      case 'durable':
        for (const mark of message.marks) this.#takeMark(peer, mark)
        return
      case 'ping': {
        const known = peer.replica
        peer.replica = message.replica
        peer.linked = new Set(message.linked)
        const sum = this.#ping()
        peer.differs = sum.lo !== message.lo || sum.hi !== message.hi
        if (known !== peer.replica) this.#confirmTo(peer)
      }
    }
  }

  /** An own commit is durable: it may leave the node. Then those who asked for the own log get their answer. */
  committed(commit: InFlight): void {
    this.#spread(commit.replica, commit.clock, commit.end, commit.bytes, undefined)
    for (const peer of this.#peers.values()) {
      for (const [log, clock] of peer.asked) {
        peer.asked.delete(log)
        this.#answer(peer, log, clock)
      }
    }
  }

  /** Logs became durable here up to their clocks: their origins want to know. */
  durable(marks: readonly DurableMark[]): void {
    for (const peer of this.#peers.values()) {
      const wanted = marks.filter(({ log }) => log === peer.replica || !this.#isLinked(log))
      if (wanted.length > 0) this.#send(peer, { type: 'durable', marks: wanted })
    }
  }

  #compareClocks(peer: Peer, states: readonly LogState[], full: boolean): void {
    const theirs = new Set<ReplicaId>()
    const ahead: LogState[] = []
    for (const state of states) {
      theirs.add(state.log)
      // The answer to a question tells all; otherwise more may be on its way to the peer than it knew when it wrote this.
      const known = peer.pulling.delete(state.log) ? 0 : (peer.has.get(state.log) ?? 0)
      peer.has.set(state.log, Math.max(known, state.clock))
      const own = this.#compareLog(peer, state)
      if (own) ahead.push(own)
    }
    this.#pullMore(peer)
    if (!full) return
    for (const state of this.room.states(this.commits.state)) if (!theirs.has(state.log)) ahead.push(state)
    if (ahead.length > 0) this.#send(peer, { type: 'clocks', full: false, logs: ahead })
  }

  /** Compares one log; answers the own state where this node is ahead. */
  #compareLog(peer: Peer, state: LogState): LogState | undefined {
    if (this.room.forked.has(state.log)) return undefined
    const own = this.commits.state
    if (state.log === this.commits.replica) {
      if (!own || state.clock > own.clock) {
        this.owner.diverged(state.log, `${peer.identity.name} holds more of the own log than this node wrote`, [])
      } else if (state.clock === own.clock && (state.lo !== own.lo || state.hi !== own.hi)) {
        this.owner.diverged(state.log, `${peer.identity.name} holds another history of the own log`, [])
      }
      return own && state.clock < own.clock ? own : undefined
    }
    const log = this.room.logs.get(state.log)
    if (!log || log.clock < state.clock) return undefined
    if (log.clock > state.clock) return { log: log.id, clock: log.clock, lo: log.digest.lo, hi: log.digest.hi }
    // The peer has all there is up to here, this node only a part whose rest nobody may hold any more: fetch it whole.
    if (!log.complete) this.room.drop(log.id)
    else if (log.digest.lo !== state.lo || log.digest.hi !== state.hi) {
      this.owner.diverged(log.id, `${peer.identity.name} holds another history of it at the same clock`, [])
    }
    return undefined
  }

  /** Asks a peer for the logs in which it is ahead, a few at a time, each from one peer only. */
  #pullMore(peer: Peer): void {
    for (const [log, clock] of peer.has) {
      if (peer.pulling.size >= PULLS_MAX) return
      if (clock > (this.room.logs.get(log)?.clock ?? 0)) this.#pull(peer, log)
    }
  }

  #pull(peer: Peer, log: ReplicaId): void {
    if (log === this.commits.replica || this.room.forked.has(log)) return
    for (const other of this.#peers.values()) if (other.pulling.has(log)) return
    peer.pulling.add(log)
    this.#send(peer, { type: 'pull', log, clock: this.room.logs.get(log)?.clock ?? 0 })
  }

  #answer(peer: Peer, id: ReplicaId, clock: number): void {
    if (this.commits.inFlight?.replica === id) {
      peer.asked.set(id, clock)
      return
    }
    const log = this.room.logs.get(id)
    const servable = log?.complete && !this.room.forked.has(id)
    if (!servable || clock >= log.clock) {
      // Says where this node really is, so that the peer stops waiting for it.
      const { lo, hi } = log?.digest ?? { lo: 0, hi: 0 }
      const state = { log: id, clock: servable ? log.clock : 0, lo, hi }
      this.#send(peer, { type: 'clocks', full: false, logs: [state] })
      return
    }
    const diff = log.diff(clock, DIFF_BYTES)
    this.#send(peer, { type: 'diff', log: id, update: diff.bytes, more: !diff.last })
    peer.has.set(id, diff.end)
  }

  /** Checks and applies an update. Answers whether it brought the log forward. */
  #take(peer: Peer, id: ReplicaId, bytes: Uint8Array): boolean {
    if (this.room.forked.has(id)) return false
    const log = this.room.log(id)
    const verdict = log.check(bytes)
    if (id === this.commits.replica) {
      this.#checkOwn(peer, id, verdict)
      return false
    }
    switch (verdict.verdict) {
      case 'known':
        return false
      case 'gap':
        peer.has.set(id, verdict.from + 1)
        this.#pull(peer, id)
        return false
      case 'diverged':
        this.owner.diverged(id, verdict.reason, verdict.entries)
        return false
      case 'new':
        this.#apply(peer, id, verdict)
        return true
    }
  }

  #apply(peer: Peer, id: ReplicaId, checked: CheckedUpdate): void {
    const log = this.room.log(id)
    const before = log.clock
    const entries = this.room.apply(log, checked)
    peer.has.set(id, Math.max(peer.has.get(id) ?? 0, log.clock))
    if (log.complete) this.#spread(id, before, log.clock, checked.bytes, peer)
    this.owner.learned(id, entries)
  }

  #checkOwn(peer: Peer, id: ReplicaId, verdict: Verdict): void {
    if (verdict.verdict === 'known') return
    const entries = verdict.verdict === 'diverged' ? verdict.entries : []
    const newer = verdict.verdict === 'new' ? verdict.batches.flatMap(batch => batch.entries.map(({ entry }) => entry)) : entries
    this.owner.diverged(id, `${peer.identity.name} sent a part of the own log that this node did not write`, newer)
  }

  /** Passes on what is new from `clock` to `end`, to those who have what comes before it and do not get it otherwise. */
  #spread(id: ReplicaId, clock: number, end: number, bytes: Uint8Array, from: Peer | undefined): void {
    const update: Message = { type: 'update', log: id, update: bytes }
    for (const peer of this.#peers.values()) {
      if (peer === from || peer.replica === id || (from && peer.linked.has(id))) continue
      const has = peer.has.get(id) ?? 0
      if (has >= end) continue
      if (has === clock && bytes.length <= DIFF_BYTES) {
        this.#send(peer, update)
        peer.has.set(id, end)
      } else if (has === clock) {
        const { lo, hi } = this.room.log(id).digest
        this.#send(peer, { type: 'clocks', full: false, logs: [{ log: id, clock: end, lo, hi }] })
      }
    }
  }

  /** A confirmation for an own log, or one to pass on to the log's origin. */
  #takeMark(peer: Peer, mark: DurableMark): void {
    this.owner.confirmed(mark)
    if (mark.store !== peer.identity.store) return
    for (const origin of this.#peers.values()) {
      if (origin !== peer && origin.replica === mark.log) this.#send(origin, { type: 'durable', marks: [mark] })
    }
  }

  /** Tells a peer how much of its own log is durable here. */
  #confirmTo(peer: Peer): void {
    if (peer.replica === 0) return
    const clock = this.room.durableClock(peer.replica)
    this.#send(peer, { type: 'durable', marks: [{ store: this.own, log: peer.replica, clock }] })
  }

  #isLinked(log: ReplicaId): boolean {
    for (const peer of this.#peers.values()) if (peer.replica === log) return true
    return false
  }

  #ping(): Extract<Message, { type: 'ping' }> {
    let lo = 0
    let hi = 0
    for (const state of this.room.states(this.commits.state)) {
      // Multiplied by the id, so that two logs that swap their states do not cancel out.
      lo = (lo + Math.imul(state.lo ^ state.clock, (state.log & 0xffffffff) | 1)) >>> 0
      hi = (hi + Math.imul(state.hi ^ state.clock, (state.log & 0xffffffff) | 1)) >>> 0
    }
    const linked = [...this.#peers.values()].flatMap(({ replica }) => (replica === 0 ? [] : [replica]))
    return { type: 'ping', replica: this.commits.replica ?? 0, linked, lo, hi }
  }

  #send(peer: Peer, message: Message): void {
    this.effects.push({ type: 'send', link: peer.link, ...encodeMessage(message) })
  }
}

/** The refusal that ends a link whose peer breaks the protocol. */
export function refusal(peer: string, cause: unknown): TallymeshError {
  if (cause instanceof TallymeshError) return cause
  return new TallymeshError('FRAME_DAMAGED', `a frame from ${peer} could not be read`, { cause })
}
