import type { AdoptedEntry, CounterKey, Entry, ReplicaId, StoredLog, Table, TallymeshError } from '@tallymesh/crdt'
import type { Cell } from './cell.js'
import { Commits } from './commits.js'
import type { Effect, Input, LinkId, PeerIdentity } from './effect.js'
import { Forks } from './forks.js'
import { Leaving } from './leaving.js'
import { Links } from './links.js'
import { MemberRecords, removed } from './member-records.js'
import { type MemberView, memberViews } from './member-view.js'
import { Membership } from './membership.js'
import { Operations } from './operations.js'
import { OwnTime } from './own-time.js'
import { fellSilent, Peers } from './peers.js'
import { type DurableMark, decodeMessage } from './protocol.js'
import type { ReplicaOptions } from './replica-options.js'
import { Room, type WrittenLog } from './room.js'
import { logDamaged } from './stored-log.js'
import { refusal, Sync, type SyncOwner } from './sync.js'
import { isOutdone } from './uncarried.js'
import { WriteConcerns } from './write-concerns.js'

/** A node's replica as a state machine without I/O, in the manner of etcd's raft library. Time, randomness, disk and network are
 *  the caller's. Persist, then witness, then acknowledge and send: what leaves in `send` effects was durable before. */
export class Replica implements SyncOwner {
  readonly #effects: Effect[] = []
  readonly members: Membership
  readonly room: Room
  readonly commits: Commits
  readonly peers: Peers
  readonly sync: Sync
  readonly operations: Operations
  readonly leaving: Leaving
  readonly forks: Forks
  readonly #links: Links
  readonly #records: MemberRecords
  readonly #concerns: WriteConcerns
  /** Logs whose stored content was damaged, until `start`. */
  readonly #damaged: ReplicaId[] = []
  /** What the write under way makes durable; undefined while none is. */
  #writing: WrittenLog[] | undefined
  readonly #time: OwnTime

  constructor(readonly options: ReplicaOptions) {
    this.#time = new OwnTime(options.heartbeatMs, options.antiEntropyMs)
    this.members = new Membership(options.store, options.heartbeatMs, options.seeds)
    this.room = new Room(this.members, Number.parseInt(options.instance.slice(0, 8), 16))
    this.commits = new Commits(this.room, options)
    this.peers = new Peers(this.#effects)
    this.sync = new Sync(this.room, this.commits, options.store, this.peers, this, options.updateBytesMax)
    this.operations = new Operations(options, this.room, this.commits, this.members, this.peers)
    this.forks = new Forks(options.name, this.sync, this.operations, this.#effects)
    this.#links = new Links(options.instance, options.heartbeatMs)
    this.#records = new MemberRecords(options, this.members, this.commits)
    this.#concerns = new WriteConcerns(this.members, this.room.forked, this.#effects)
    this.leaving = new Leaving(this, this.#records, this.#concerns)
  }

  get table(): Table {
    return this.room.table
  }

  /** Somebody else goes on using this node's identity: it must not count. */
  get contested(): boolean {
    return this.forks.contested
  }

  /** Loads what the store holds of a log; all of them, before the first step. A damaged log is adopted as far as it can be
   *  read, and fetched afresh; the answer says what was wrong with it. */
  load(stored: StoredLog): TallymeshError | undefined {
    const damage = this.room.load(stored)
    if (damage === undefined) return undefined
    this.#damaged.push(stored.log)
    return logDamaged(stored.log, damage)
  }

  /** Ends loading. `resume` is the replica id that the witness proved current, if it did. */
  start(resume: ReplicaId | undefined): void {
    this.forks.load()
    if (this.#damaged.length > 0) this.operations.lost()
    for (const log of this.#damaged.splice(0)) this.stuck(log)
    this.room.takeChanged()
    const log = resume && this.room.logs.get(resume)
    if (!log?.complete || this.room.isClosed(log.id) || !this.room.ledger.folds.claimsOf(log.id).next().done) return
    this.commits.resume(log.id)
    if (isOutdone(this.room, log)) this.#outdone('another log')
  }

  /** Takes one input in; answers what the outside has to do, in order. Never throws for what peers send. */
  step(input: Input): Effect[] {
    this.#take(input)
    if (this.operations.folding.isClaimed) this.forks.folded(this.#time.nowMs)
    this.forks.look()
    if (this.operations.look(this.#time.nowMs, this.#time.wallMs)) this.#effects.push({ type: 'admitted' })
    const ids = this.room.takeChanged()
    if (ids.length > 0) this.#effects.push({ type: 'changed', ids })
    return this.#effects.splice(0)
  }

  /** Whether a `flush` would persist something. */
  get wantsFlush(): boolean {
    return this.#writing === undefined && (this.commits.pending || this.commits.work.due || this.room.writes.any)
  }

  /** Whether all of that may wait for company: operations that settle, and counts that nobody waits for. */
  get mayWait(): boolean {
    const { extra, draining, work } = this.commits
    return extra.size === 0 && !draining && !work.hurried && !this.room.writes.any
  }

  /** Whether everything that was counted or received is durable. */
  get settled(): boolean {
    return this.#writing === undefined && !this.commits.pending && !this.room.writes.any
  }

  /** Takes over, once started, what a replica whose disk failed had not made durable besides counts. */
  takeOver(entries: Iterable<Entry>): void {
    for (const entry of entries) {
      if (entry.kind === 'member') this.#records.record(entry)
      if (entry.kind === 'operation') this.operations.takeOver(entry)
      if (entry.kind !== 'adopted') continue
      this.#adopt(entry, 'what waited for the disk')
      // It may have been shown, and no value falls.
      this.table.mergeEntry(entry.replica, entry)
    }
  }

  cell(key: CounterKey): Cell {
    return this.commits.cell(key)
  }

  /** Everybody else in the room, as this node sees it. */
  view(): IterableIterator<MemberView> {
    return memberViews(this.members, this.#concerns, this.commits.state, this.#time.nowMs)
  }

  diverged(log: ReplicaId, reason: string, entries: readonly Entry[]): void {
    this.room.mergeEntries(log, entries)
    this.forks.met(log, reason, this.#time.nowMs)
    this.forks.learned(this.#time.nowMs)
  }

  learned(peer: string, beyond: boolean): void {
    if (beyond) this.#outdone(peer)
    this.forks.learned(this.#time.nowMs)
    for (const { link, identity } of [...this.peers])
      if (this.members.isRemoved(identity.store)) this.#refuse(link, removed(identity.store))
  }

  confirmed(mark: DurableMark): void {
    this.#concerns.confirmed(mark)
  }

  stuck(log: ReplicaId): void {
    this.forks.adopt(log)
    this.room.drop(log)
  }

  #adopt(entry: AdoptedEntry, from: string): void {
    if (this.commits.isBeyond(entry)) this.#outdone(from)
    this.commits.adopt(entry)
  }

  #outdone(by: string): void {
    this.diverged(this.commits.replica as ReplicaId, `${by} knows more of the own slots than this node counted`, [])
  }

  #take(input: Input): void {
    switch (input.type) {
      case 'tick':
        return this.#tick(input.nowMs, input.wallMs)
      case 'open':
        return this.#open(input.link, input.peer, input.dialed)
      case 'closed':
        return this.#closed(input.link)
      case 'frame':
        return this.#frame(input.link, input.kind, input.body)
      case 'flush':
        return this.#flush()
      case 'persisted':
        return this.#persisted()
      case 'await':
        return this.#concerns.add(input.ticket, this.commits.open, input.replicas, this.#time.nowMs + input.timeoutMs)
      case 'adopt':
        for (const entry of input.entries) this.#adopt(entry, 'an import')
        return
      case 'remove':
        this.#records.remove(input.store)
        return this.learned(this.options.name, false)
      case 'leave':
        return this.leaving.begin()
      default: {
        const unreachable: never = input
        throw new TypeError(`unknown input ${JSON.stringify(unreachable)}`)
      }
    }
  }

  #tick(nowMs: number, wallMs: number | undefined): void {
    // What was not heard while this process stood still says nothing about the peers.
    if (this.#time.tick(nowMs, wallMs)) {
      this.members.resume(this.#time.nowMs)
      this.#links.resume(this.#time.nowMs)
    }
    this.#concerns.tick(this.#time.nowMs)
    this.#judge()
    for (const link of this.#links.silent(this.#time.nowMs)) this.#refuse(link, fellSilent(this.peers.get(link)))
    this.leaving.look()
    if (!this.#writing) this.operations.stands.tick()
    if (!this.#time.takeHeartbeat()) return
    this.sync.heartbeat()
    if (this.#time.takeComparison())
      for (const part of [this.sync, this.operations.stands, this.leaving, this.forks]) part.compare()
  }

  #judge(): void {
    const changed = this.members.judge(this.#time.nowMs)
    this.#effects.push(...changed.map(({ store, name, state }): Effect => ({ type: 'member', store, name, state })))
  }

  #open(link: LinkId, peer: PeerIdentity, dialed: boolean): void {
    if (peer.instance === this.options.instance) {
      for (const ownUrl of peer.urls) this.members.reached(ownUrl)
      this.#effects.push({ type: 'close', link, reason: undefined })
      return
    }
    if (this.members.isRemoved(peer.store)) {
      this.#effects.push({ type: 'close', link, reason: removed(peer.store) })
      return
    }
    const superfluous = this.#links.superfluous(link, peer.instance, dialed)
    if (superfluous !== undefined) this.#effects.push({ type: 'close', link: superfluous, reason: undefined })
    if (superfluous === link) return
    if (superfluous !== undefined) this.#closed(superfluous)
    this.#links.opened(link, peer.instance, dialed, this.#time.nowMs)
    this.members.met(peer, this.#time.nowMs)
    this.sync.open(link, peer)
    if (peer.replica !== 0 && peer.replica === this.commits.replica) {
      this.diverged(peer.replica, `${peer.name} uses the own id in another process`, [])
    }
    if (this.commits.replica !== undefined) this.#records.met(peer.store)
    this.#judge()
  }

  #closed(link: LinkId): void {
    const peer = this.peers.get(link)
    if (!peer) return
    this.#links.closed(link)
    this.members.left(peer.identity.store)
    this.sync.closed(link)
    this.#judge()
  }

  #frame(link: LinkId, kind: number, body: Uint8Array): void {
    const peer = this.peers.get(link)
    if (!peer) return
    try {
      const message = decodeMessage(kind, body)
      if (message.type === 'ping') {
        this.members.heartbeat(peer.identity.store, this.#time.nowMs)
        this.#links.heartbeat(link, this.#time.nowMs)
      }
      this.sync.receive(peer, message)
    } catch (error) {
      this.#refuse(link, refusal(peer.identity.name, error))
    }
  }

  #refuse(link: LinkId, reason: TallymeshError): void {
    this.#effects.push({ type: 'close', link, reason }, { type: 'report', error: reason })
    this.#closed(link)
  }

  #flush(): void {
    if (!this.wantsFlush) return
    const formed = this.commits.form(this.#time.tickMs ?? 0, () => this.#records.first())
    const logs = this.room.writes.take(this.commits.extra.size > 0)
    if (formed) logs.push(formed.write)
    else if (logs.length === 0) return
    this.#writing = this.room.completeOf(logs)
    this.operations.stands.capture(!this.commits.draining)
    this.#effects.push({ type: 'persist', logs, commit: formed?.commit.mark })
  }

  #persisted(): void {
    const written = this.#writing ?? []
    this.#writing = undefined
    const commit = this.commits.persisted()
    const durable = written.flatMap(({ log, clock }) => this.room.markDurable(log, clock))
    const marks = durable
      .filter(({ log }) => log !== commit?.replica)
      .map(point => ({ store: this.options.store, ...point }))
    if (commit) {
      this.#effects.push({ type: 'acknowledge', commit: commit.done })
      this.#concerns.durable(commit.done, commit.replica, commit.end)
      this.sync.committed(commit)
    }
    this.sync.durable(marks)
    this.operations.stands.persisted(!this.commits.pending && !this.room.writes.any)
  }
}
