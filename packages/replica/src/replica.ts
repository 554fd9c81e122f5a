import {
  type AdoptedEntry,
  type CounterKey,
  type Entry,
  type LogWrite,
  type ReplicaId,
  type StoredLog,
  showReplicaId,
  type Table,
  TallymeshError,
} from '@tallymesh/crdt'
import type { Cell } from './cell.js'
import { Commits } from './commits.js'
import type { Effect, Input, LinkId, PeerIdentity } from './effect.js'
import { Forks } from './forks.js'
import { Links } from './links.js'
import { MemberRecords, removed } from './member-records.js'
import { Membership } from './membership.js'
import { OwnTime } from './own-time.js'
import { Peers } from './peers.js'
import { type DurableMark, decodeMessage } from './protocol.js'
import type { MemberView, ReplicaOptions } from './replica-options.js'
import { Room, type WrittenLog } from './room.js'
import { refusal, Sync, type SyncOwner } from './sync.js'
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
  readonly #forks: Forks
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
    this.room = new Room(this.members)
    this.commits = new Commits(this.room, options)
    this.peers = new Peers(this.#effects)
    this.sync = new Sync(this.room, this.commits, options.store, this.peers, this, options.updateBytesMax)
    this.#forks = new Forks(options.name, this.room, this.commits, this.#effects)
    this.#links = new Links(options.instance, options.heartbeatMs)
    this.#records = new MemberRecords(options, this.members, this.commits)
    this.#concerns = new WriteConcerns(this.members, this.room.forked, this.#effects)
  }

  get table(): Table {
    return this.room.table
  }

  /** Somebody else goes on using this node's identity: it must not count. */
  get contested(): boolean {
    return this.#forks.contested
  }

  /** Loads what the store holds of a log; all of them, before the first step. A damaged log is adopted as far as it can be
   *  read, and fetched afresh; the answer says what was wrong with it. */
  load(stored: StoredLog): TallymeshError | undefined {
    const damage = this.room.load(stored)
    if (damage === undefined) return undefined
    this.#damaged.push(stored.log)
    const text = `log ${showReplicaId(stored.log)} is damaged: ${damage}. What it said is kept; it is fetched afresh from a peer`
    return new TallymeshError('LOG_DAMAGED', text)
  }

  /** Ends loading. `resume` is the replica id that the witness proved current, if it did. */
  start(resume: ReplicaId | undefined): void {
    this.#forks.load()
    for (const log of this.#damaged.splice(0)) this.stuck(log)
    this.room.takeChanged()
    if (resume !== undefined && this.room.logs.get(resume)?.complete && !this.room.forked.has(resume)) {
      this.commits.resume(resume)
    }
  }

  /** Takes one input in; answers what the outside has to do, in order. Never throws for what peers send. */
  step(input: Input): Effect[] {
    this.#take(input)
    const ids = this.room.takeChanged()
    if (ids.length > 0) this.#effects.push({ type: 'changed', ids })
    return this.#effects.splice(0)
  }

  /** Whether a `flush` would persist something. */
  get wantsFlush(): boolean {
    return this.#writing === undefined && (this.commits.pending || this.room.hasWrites)
  }

  /** Whether everything that was counted or received is durable. */
  get settled(): boolean {
    return this.#writing === undefined && !this.commits.pending && !this.room.hasWrites
  }

  /** Takes over, once started, what a replica whose disk failed had not made durable besides counts. */
  takeOver(entries: Iterable<Entry>): void {
    for (const entry of entries) {
      if (entry.kind === 'member') this.#records.record(entry)
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
  *view(): IterableIterator<MemberView> {
    const own = this.commits.state
    for (const member of this.members.others()) {
      const lag = own ? Math.max(0, own.clock - this.#concerns.clockOf(own.log, member.store)) : 0
      yield { ...member, lag, phi: this.members.phi(member.store, this.#time.nowMs) }
    }
  }

  diverged(log: ReplicaId, reason: string, entries: readonly Entry[]): void {
    this.room.mergeEntries(log, entries)
    this.#forks.met(log, reason, this.#time.nowMs)
    this.#forks.learned(this.#time.nowMs)
  }

  learned(peer: string, entries: readonly Entry[]): void {
    for (const entry of entries) if (entry.kind === 'adopted') this.#checkBeyond(entry, peer)
    this.#forks.learned(this.#time.nowMs)
    for (const link of this.peers.links()) {
      const store = this.peers.get(link)?.identity.store
      if (store !== undefined && this.members.isRemoved(store)) this.#refuse(link, removed(store))
    }
  }

  confirmed(mark: DurableMark): void {
    this.#concerns.confirmed(mark)
  }

  stuck(log: ReplicaId): void {
    this.#forks.adopt(log)
    this.room.drop(log)
  }

  #adopt(entry: AdoptedEntry, from: string): void {
    this.#checkBeyond(entry, from)
    this.commits.adopt(entry)
  }

  #checkBeyond(entry: AdoptedEntry, from: string): void {
    if (!this.commits.isBeyond(entry)) return
    this.diverged(entry.replica, `${from} knows more of the own slots than this node counted`, [])
  }

  #take(input: Input): void {
    switch (input.type) {
      case 'tick':
        return this.#tick(input.nowMs)
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
        return this.learned(this.options.name, [])
      default: {
        const unreachable: never = input
        throw new TypeError(`unknown input ${JSON.stringify(unreachable)}`)
      }
    }
  }

  #tick(nowMs: number): void {
    // What was not heard while this process stood still says nothing about the peers.
    if (this.#time.tick(nowMs)) {
      this.members.resume(this.#time.nowMs)
      this.#links.resume(this.#time.nowMs)
    }
    this.#concerns.tick(this.#time.nowMs)
    this.#judge()
    this.#cutSilent()
    if (!this.#time.takeHeartbeat()) return
    this.sync.heartbeat()
    if (this.#time.takeComparison()) this.sync.compare()
  }

  /** A link whose peer fell silent is half open: cut, it can be made anew. */
  #cutSilent(): void {
    for (const link of this.#links.silent(this.#time.nowMs)) {
      const name = this.peers.get(link)?.identity.name
      this.#refuse(link, new TallymeshError('LINK_FAILED', `${name} fell silent; the link was cut`))
    }
  }

  #judge(): void {
    for (const { store, name, state } of this.members.judge(this.#time.nowMs)) {
      this.#effects.push({ type: 'member', store, name, state })
    }
  }

  #open(link: LinkId, peer: PeerIdentity, dialed: boolean): void {
    if (peer.instance === this.options.instance) {
      // The own URL stood among the seeds.
      for (const url of peer.urls) this.members.reached(url)
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
    const logs: LogWrite[] = this.room.takeWrites(this.commits.carries)
    if (formed) logs.push(formed.write)
    this.#writing = this.room.completeOf(logs)
    this.#effects.push({ type: 'persist', logs, commit: formed?.commit.mark })
  }

  #persisted(): void {
    const written = this.#writing ?? []
    this.#writing = undefined
    const commit = this.commits.persisted()
    const marks = written.flatMap(({ log, clock }): DurableMark[] => {
      const durable = this.room.markDurable(log, clock)
      const foreign = durable !== undefined && log.id !== commit?.replica
      return foreign ? [{ store: this.options.store, log: log.id, clock: durable }] : []
    })
    if (commit) {
      this.#effects.push({ type: 'acknowledge', commit: commit.done })
      this.#concerns.durable(commit.done, commit.replica, commit.end)
      this.sync.committed(commit)
    }
    this.sync.durable(marks)
  }
}
