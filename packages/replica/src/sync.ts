import {
  type CheckedUpdate,
  type Entry,
  type ReplicaId,
  type StoreId,
  TallymeshError,
  type Verdict,
} from '@tallymesh/crdt'
import { Clocks } from './clocks.js'
import type { Commits } from './commits.js'
import type { LinkId, PeerIdentity } from './effect.js'
import type { InFlight } from './in-flight.js'
import { isProven, type Peer, type Peers } from './peers.js'
import { type DurableMark, type Message, stateOf } from './protocol.js'
import type { Room } from './room.js'

/** Bytes of an answer, about: what bounds the time that taking one in stalls its receiver. */
const UPDATE_BYTES_MAX = 32 * 1024
/** A commit of more bytes than this is asked for rather than sent to everybody as it happens. */
const LIVE_BYTES_MAX = 128 * 1024
/** A Yjs update without structs and deletions. */
const NOTHING = Uint8Array.of(0, 0)
/** Marks in one frame: about 50 bytes each stay below the frame's limit. */
const MARKS_MAX = 10_000

/** What sync needs from the replica around it. */
export interface SyncOwner {
  /** Two histories exist under `log`. */
  diverged(log: ReplicaId, reason: string, entries: readonly Entry[]): void
  /** New entries of a log arrived. @param beyond whether they name more of the own slots than this node counted */
  learned(peer: string, beyond: boolean): void
  /** A store confirmed an own log. */
  confirmed(mark: DurableMark): void
  /** A log is held in part, and nobody can complete it. */
  stuck(log: ReplicaId): void
}

/** Exchanges logs with the peers: what is new goes out as it happens, what is missing is asked for in bounded parts. An
 *  update is applied only where it follows without a gap. */
export class Sync {
  readonly #clocks: Clocks
  /** Updates of ids that are folded whole: what they brought is not taken in. */
  refusedFolded = 0

  constructor(
    readonly room: Room,
    readonly commits: Commits,
    readonly own: StoreId,
    readonly peers: Peers,
    readonly owner: SyncOwner,
    readonly updateBytesMax = UPDATE_BYTES_MAX,
  ) {
    this.#clocks = new Clocks(room, commits, peers, owner)
  }

  open(link: LinkId, identity: PeerIdentity): void {
    const peer = this.peers.open(link, identity)
    this.#clocks.announce(peer)
    this.peers.send(peer, this.#clocks.ping())
    this.#introduce(peer)
    this.#confirmTo(peer)
  }

  /** See `Clocks.behind`. */
  get behind(): number {
    return this.#clocks.behind
  }

  /** See `Clocks.level`. */
  get level(): boolean {
    return this.#clocks.level
  }

  closed(link: LinkId): void {
    this.peers.close(link)
    for (const peer of this.peers) this.#clocks.pullMore(peer)
  }

  /** Tells every peer that this node lives, and how its logs sum up. */
  heartbeat(): void {
    if (this.peers.size > 0) this.peers.sendAll(this.#clocks.ping())
  }

  /** See `Clocks.ask`. */
  ask(): void {
    this.#clocks.ask()
  }

  /** See `Clocks.passedOn`. */
  get passedOn(): boolean {
    return this.#clocks.passedOn
  }

  /** Compares clocks with the peers whose sums differ. */
  compare(): void {
    this.#clocks.compare()
  }

  /** Takes a message in. @throws TallymeshError what the peer sent may not be; it changed nothing, and the link should end */
  receive(peer: Peer, message: Message): void {
    switch (message.type) {
      case 'clocks':
        this.#clocks.take(peer, message.logs, message.full)
        return
      case 'pull':
        this.#answer(peer, message.log, message.clock)
        return
      case 'diff':
        this.#takeAnswer(peer, message)
        return
      case 'update':
        this.#take(peer, message.log, message.update, true)
        return
      case 'durable':
        for (const mark of message.marks) this.#takeMark(peer, mark)
        return
      case 'stand':
        peer.stand.take(message)
        return
      case 'members':
        for (const member of message.members) this.room.members.heard(member)
        return
      case 'ping':
        this.#takePing(peer, message)
    }
  }

  /** An own commit is durable: it may leave the node. Then those who asked for the own log get their answer. */
  committed(commit: InFlight): void {
    // With the first commit of an id peers learn whose it is: they confirm to its origin.
    if (commit.clock === 0) this.heartbeat()
    if (!this.room.isClosed(commit.replica)) {
      this.#spread(commit.replica, commit.clock, commit.end, commit.bytes, undefined)
    }
    for (const peer of this.peers) {
      for (const [log, clock] of peer.asked) {
        peer.asked.delete(log)
        this.#answer(peer, log, clock)
      }
    }
  }

  /** Logs became durable here up to their clocks: their origins want to know. */
  durable(marks: readonly DurableMark[]): void {
    for (const peer of this.peers) {
      const wanted = marks.filter(({ log }) => log === peer.replica || !this.peers.hasReplica(log))
      for (let from = 0; from < wanted.length; from += MARKS_MAX) {
        this.peers.send(peer, { type: 'durable', marks: wanted.slice(from, from + MARKS_MAX) })
      }
    }
  }

  /** Makes a new peer and the others known to each other. */
  #introduce(peer: Peer): void {
    const others = [...this.peers].filter(other => other !== peer)
    if (others.length === 0) return
    this.peers.send(peer, { type: 'members', members: others.map(({ identity }) => identity) })
    for (const other of others) this.peers.send(other, { type: 'members', members: [peer.identity] })
  }

  #takeAnswer(peer: Peer, { log, update, more }: Extract<Message, { type: 'diff' }>): void {
    peer.answered = true
    if (update.length === NOTHING.length) this.#clocks.exhausted(peer, log)
    else if (this.#take(peer, log, update, false) && more) this.#clocks.pull(peer, log)
    this.#clocks.pullMore(peer)
  }

  #takePing(peer: Peer, ping: Extract<Message, { type: 'ping' }>): void {
    const known = peer.replica
    peer.replica = ping.replica
    peer.linked = new Set(ping.linked)
    this.room.members.told(peer.identity.store, ping.replica !== 0 && peer.linked.has(ping.replica))
    const sum = this.#clocks.sum()
    peer.differs = sum.lo !== ping.lo || sum.hi !== ping.hi
    if (!peer.differs) this.#clocks.equal(peer)
    if (known !== peer.replica) this.#confirmTo(peer)
  }

  #answer(peer: Peer, id: ReplicaId, clock: number): void {
    if (this.commits.inFlight?.replica === id) {
      peer.asked.set(id, clock)
      return
    }
    const log = this.room.logs.get(id)
    const servable = log?.complete && !this.room.isClosed(id)
    if (!servable || clock >= log.clock) {
      // Every question has an answer, and this one says that there is nothing, so that the peer stops waiting.
      this.peers.send(peer, { type: 'diff', log: id, update: NOTHING, more: false })
      return
    }
    const diff = log.diff(clock, this.updateBytesMax)
    this.peers.send(peer, { type: 'diff', log: id, update: diff.bytes, more: !diff.last })
    peer.has.set(id, diff.end)
  }

  /** Checks and applies an update. Answers whether it brought the log forward. */
  #take(peer: Peer, id: ReplicaId, bytes: Uint8Array, live: boolean): boolean {
    if (this.room.isClosed(id)) {
      if (this.room.isOver(id)) this.refusedFolded++
      peer.pulling.delete(id)
      return false
    }
    const log = this.room.log(id)
    const verdict = log.check(bytes)
    if (!live) this.#clocks.answered(peer, id, verdict)
    if (id === this.commits.replica) {
      this.#checkOwn(peer, id, verdict)
      return false
    }
    switch (verdict.verdict) {
      case 'known':
        return false
      case 'gap':
        // An answer that leaves a gap would leave it again: then the next comparison asks.
        peer.has.set(id, live ? verdict.from + 1 : 0)
        if (live) this.#clocks.pull(peer, id)
        else if (!log.complete) this.#clocks.unusable(id)
        return false
      case 'diverged':
        this.owner.diverged(id, verdict.reason, verdict.entries)
        return false
      case 'new': {
        const before = log.clock
        this.#clocks.used(id)
        // Merged, the slots of the table do not tell any more what was counted here.
        const beyond = verdict.batches.some(batch => this.#namesBeyond(batch))
        this.room.apply(log, verdict)
        peer.has.set(id, Math.max(peer.has.get(id) ?? 0, log.clock))
        if (this.room.fallen.some(slot => !this.commits.extra.adopts(slot))) {
          this.owner.diverged(id, `${peer.identity.name} sent totals below those that it had`, [])
          return false
        }
        if (log.complete) this.#spread(id, before, log.clock, verdict.bytes, peer)
        this.owner.learned(peer.identity.name, beyond)
        return true
      }
    }
  }

  #namesBeyond({ entries }: CheckedUpdate['batches'][number]): boolean {
    return entries.some(({ entry }) => entry.kind === 'adopted' && this.commits.isBeyond(entry))
  }

  #checkOwn(peer: Peer, id: ReplicaId, verdict: Verdict): void {
    if (verdict.verdict === 'known') return
    const entries =
      verdict.verdict === 'diverged' ? verdict.entries : verdict.verdict === 'new' ? entriesOf(verdict) : []
    this.owner.diverged(id, `${peer.identity.name} sent a part of the own log that this node did not write`, entries)
  }

  /** Passes on what is new from `clock` to `end`, to those who have what comes before it and do not get it otherwise. */
  #spread(id: ReplicaId, clock: number, end: number, bytes: Uint8Array, from: Peer | undefined): void {
    for (const peer of this.peers) {
      if (peer === from || peer.replica === id || (from && peer.linked.has(id))) continue
      if ((peer.has.get(id) ?? 0) !== clock) continue
      if (bytes.length <= Math.min(LIVE_BYTES_MAX, 4 * this.updateBytesMax)) {
        this.peers.send(peer, { type: 'update', log: id, update: bytes })
        peer.has.set(id, end)
      } else this.peers.send(peer, { type: 'clocks', full: false, logs: [stateOf(this.room.log(id))] })
    }
  }

  /** A confirmation for an own log, or one to pass on to the log's origin. */
  #takeMark(peer: Peer, mark: DurableMark): void {
    const own = mark.log === this.commits.replica
    if (own && mark.clock > this.room.log(mark.log).clock) {
      this.owner.diverged(mark.log, `${peer.identity.name} stores more of the own log than this node wrote`, [])
    }
    const direct = mark.store === peer.identity.store
    // What a store says itself is newer than what others say of it.
    const counts = direct ? isProven(peer, mark.log, mark.clock) : !this.peers.hasStore(mark.store)
    if (own && counts) this.owner.confirmed(mark)
    // A copy of this disk speaks for itself only: two nodes under one store id do not vouch for each other.
    if (!direct || mark.store === this.own) return
    for (const origin of this.peers) {
      if (origin !== peer && origin.replica === mark.log) this.peers.send(origin, { type: 'durable', marks: [mark] })
    }
  }

  /** Tells a peer how much of its own log is durable here. */
  #confirmTo(peer: Peer): void {
    if (peer.replica === 0) return
    const clock = this.room.durableClock(peer.replica)
    this.peers.send(peer, { type: 'durable', marks: [{ store: this.own, log: peer.replica, clock }] })
  }
}

function entriesOf({ batches }: CheckedUpdate): Entry[] {
  return batches.flatMap(({ entries }) => entries.map(({ entry }) => entry))
}

/** The refusal that ends a link whose peer breaks the protocol. */
export function refusal(peer: string, cause: unknown): TallymeshError {
  if (cause instanceof TallymeshError) return cause
  return new TallymeshError('FRAME_DAMAGED', `a frame from ${peer} could not be read`, { cause })
}
