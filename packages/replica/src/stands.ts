import type { Ledger, LogPoint, ReplicaId } from '@tallymesh/crdt'
import type { Commits } from './commits.js'
import type { Membership } from './membership.js'
import { isProven, type Peer, type Peers } from './peers.js'
import type { StandMessage } from './protocol.js'
import type { Room } from './room.js'

/** Log clocks in one frame: 16 bytes each stay below the frame's limit. */
const CLOCKS_MAX = 30_000
/** Writes between two stands on a link, while writes follow each other without a pause. */
const WRITES_BETWEEN = 8

/** What a peer said it stood on, and how much of that is here. */
export class PeerStand {
  /** All of it is here, too: what the peer knew when it said so is known here. */
  readonly covered = new Map<ReplicaId, number>()
  /** The stand that is waited for: what of it is not here yet. */
  #pending = new Map<ReplicaId, number>()
  #whole = new Map<ReplicaId, number>()
  /** What was said since. */
  #next = new Map<ReplicaId, number>()
  #nextEnds = false
  /** The number of the last frame of the peer that said this. */
  #heard = 0
  /** The number of the last frame to the peer. */
  sent = 0
  /** What the peer was told, by log; empty where it is to be told all. */
  readonly told = new Map<ReplicaId, number>()
  /** The version of the ledger that it was told, -1 before the first time. */
  toldVersion = -1

  /** What adds to a frame that never came would say less than the peer knew. All is told again before long. */
  take({ number, whole, more, logs }: StandMessage): void {
    if (whole ? number <= this.#heard : number !== this.#heard + 1) return
    this.#heard = number
    for (const { log, clock } of logs) this.#next.set(log, clock)
    this.#nextEnds = !more
  }

  /** Looks whether what is waited for came. Answers whether more is covered than before. */
  look(holds: (point: LogPoint) => boolean): boolean {
    let covered = false
    for (;;) {
      for (const [log, clock] of this.#pending) if (holds({ log, clock })) this.#pending.delete(log)
      if (this.#pending.size > 0) return covered
      for (const [log, clock] of this.#whole) this.covered.set(log, clock)
      covered ||= this.#whole.size > 0
      this.#whole = new Map()
      if (!this.#nextEnds) return covered
      this.#pending = new Map(this.#next)
      this.#whole = this.#next
      this.#next = new Map()
      this.#nextEnds = false
    }
  }
}

/** Tells the peers where this node stands, and learns where they stand. A stand is a clock for each log: all below is on the sender's
 *  disk and acts in its ledger, and of what the sender takes itself it lacks only what it took knowing all that. So who holds
 *  a stand as well knows of every operation that its sender may have taken before it knew as much. */
export class Stands {
  /** Where this node stands once the write under way is durable; undefined where that cannot be said. */
  #captured: Map<ReplicaId, number> | undefined
  #writes = 0
  /** Plain counts bring logs forward, too: now and then all is told that rose. */
  #overdue = false

  constructor(
    readonly room: Room,
    readonly commits: Commits,
    readonly members: Membership,
    readonly peers: Peers,
  ) {}

  get #ledger(): Ledger {
    return this.room.ledger
  }

  /** A write is handed out.
   *  @param whole whether everything that was taken until now is in it or durable */
  capture(whole: boolean): void {
    this.#captured = undefined
    if (!whole || !this.#wanted()) return
    this.#captured = new Map()
    for (const log of this.room.logs.keys()) this.#captured.set(log, this.#ledger.clockOf(log))
  }

  /** The write is durable. */
  persisted(idle: boolean): void {
    const captured = this.#captured
    this.#captured = undefined
    this.#writes++
    if (captured && (idle || this.#writes >= WRITES_BETWEEN)) this.#tell(captured)
  }

  /** Time for a comparison: what rose since the last stand is told with the next one, which is due. While somebody may wait for it, all is
   *  told again: nobody would notice that a frame was lost. */
  compare(): void {
    this.#overdue = true
    const { operations, folds } = this.#ledger
    const isWaited = operations.size > 0 || folds.claimed().size > 0
    for (const { stand, replica } of this.peers) {
      const asks = replica !== 0 && this.#ledger.logs.get(replica)?.admission?.admitted === false
      if (isWaited || asks) stand.told.clear()
    }
  }

  /** Nothing is being written: tells those who do not know yet. */
  tick(): void {
    if (this.commits.pending || this.commits.inFlight || this.room.writes.any) return
    this.capture(true)
    if (this.#captured) this.#tell(this.#captured)
    this.#captured = undefined
  }

  /** Looks what came. Answers whether more is known of a peer. */
  look(): boolean {
    let more = false
    for (const peer of this.peers) more = peer.stand.look(this.#holds) || more
    return more
  }

  /** Up to which clock every member is known to hold `log`, in a stand that is held here as well. */
  heldByAll(log: ReplicaId): number {
    if (!this.complete) return 0
    let clock = Number.POSITIVE_INFINITY
    const own = log === this.commits.replica
    for (const peer of this.peers) {
      const covered = peer.stand.covered.get(log) ?? 0
      clock = Math.min(clock, own && !isProven(peer, log, covered) ? 0 : covered)
    }
    return clock
  }

  /** Whether every member is known and linked. */
  get complete(): boolean {
    return !this.members.mayBeMore && this.away().next().done === true
  }

  /** Whether the room has no other store. */
  get alone(): boolean {
    for (const { removed } of this.members.others()) if (!removed) return false
    return true
  }

  /** The members that are not linked: nothing settles without them, and nobody new is admitted. */
  *away(): IterableIterator<string> {
    for (const { store, name, removed } of this.members.others()) {
      if (!removed && !this.peers.hasStore(store)) yield name === '' ? store : name
    }
    for (const name of this.#copiesAway()) yield `${name}, a copy of this disk`
  }

  /** All copies of a disk are one member. What one does that is away this node does not know, and must not speak for. */
  *#copiesAway(): IterableIterator<string> {
    for (const name of this.members.copies) if (!this.peers.hasCopy(this.members.own, name)) yield name
  }

  readonly #holds = ({ log, clock }: LogPoint): boolean => {
    return this.#ledger.clockOf(log) >= clock || this.room.isClosed(log)
  }

  #wanted(): boolean {
    const { version } = this.#ledger
    if (!this.#copiesAway().next().done) return false
    if (this.#overdue && version > 0) return true
    for (const { stand } of this.peers) if (version > Math.max(0, stand.toldVersion)) return true
    return false
  }

  #tell(captured: ReadonlyMap<ReplicaId, number>): void {
    this.#writes = 0
    const { version } = this.#ledger
    for (const peer of this.peers) {
      const isNew = version > Math.max(0, peer.stand.toldVersion)
      if (isNew || this.#overdue) this.#tellPeer(peer, captured, isNew)
      peer.stand.toldVersion = version
    }
    this.#overdue = false
  }

  /** @param always also where nothing rose */
  #tellPeer(peer: Peer, captured: ReadonlyMap<ReplicaId, number>, always: boolean): void {
    const { stand } = peer
    const { told } = stand
    const isFirst = told.size === 0
    const clocks: LogPoint[] = []
    for (const [log, acting] of captured) {
      if (this.room.isClosed(log)) continue
      const clock = Math.min(acting, this.#durable(log))
      if (clock <= (told.get(log) ?? 0)) continue
      told.set(log, clock)
      clocks.push({ log, clock })
    }
    for (let from = 0; (from === 0 && always) || from < clocks.length; from += CLOCKS_MAX) {
      const logs = clocks.slice(from, from + CLOCKS_MAX)
      const [whole, more] = [isFirst && from === 0, from + CLOCKS_MAX < clocks.length]
      this.peers.send(peer, { type: 'stand', number: ++stand.sent, whole, more, logs })
    }
  }

  #durable(log: ReplicaId): number {
    return log === this.commits.replica ? (this.commits.state?.clock ?? 0) : this.room.durableClock(log)
  }
}
