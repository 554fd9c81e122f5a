import {
  type CounterKey,
  type Entry,
  type LogWrite,
  type Random,
  type ReplicaId,
  type ReplicaLog,
  type StoredLog,
  type StoreId,
  showReplicaId,
  type Table,
  TallymeshError,
} from '@tallymesh/crdt'
import { type Cell, Commits } from './commits.js'
import type { Effect, Input, LinkId, PeerIdentity } from './effect.js'
import { type Member, Membership } from './membership.js'
import { type DurableMark, decodeMessage } from './protocol.js'
import { Room } from './room.js'
import { refusal, Sync, type SyncOwner } from './sync.js'
import { WriteConcerns } from './write-concerns.js'

export interface ReplicaOptions {
  readonly name: string
  readonly store: StoreId
  /** Random for each process; the same that hellos carry. */
  readonly instance: string
  /** Where others can dial this node. */
  readonly urls: readonly string[]
  /** Seeds: URLs that count as members until they were reached. */
  readonly seeds: readonly string[]
  readonly random: Random
  /** Own commits of this store so far: the number of its last commit mark, or 0. */
  readonly lastNumber: number
  readonly heartbeatMs: number
  readonly antiEntropyMs: number
}

/** A member with how far it is behind this node. */
export interface MemberView extends Member {
  /** Batches of this node's own log that the member has not confirmed as durable. */
  readonly lag: number
  readonly phi: number
}

const HOUR_MS = 3_600_000
const IDENTITY_CHANGES_MAX = 3

/** A node's replica as a state machine without I/O: inputs in, effects out, in the manner of etcd's raft library. Time,
 *  randomness, disk and network are the caller's. What leaves in `send` effects was durable before: persist, then witness, then
 *  acknowledge and send. */
export class Replica implements SyncOwner {
  readonly #effects: Effect[] = []
  readonly members: Membership
  readonly room: Room
  readonly commits: Commits
  readonly sync: Sync
  readonly #concerns: WriteConcerns
  /** What the write under way makes durable; undefined while none is. */
  #writing: Array<{ log: ReplicaLog; clock: number }> | undefined
  #forkTimesMs: number[] = []
  /** Which links this node dialed: of two links between the same two processes, both keep the one that the smaller dialed. */
  readonly #dialed = new Map<LinkId, boolean>()
  /** This machine's own time: the sum of the bounded differences between ticks. */
  #nowMs = 0
  #tickMs: number | undefined
  #heartbeatMs = 0
  #compareMs = 0
  contested = false

  constructor(readonly options: ReplicaOptions) {
    this.members = new Membership(options.store, options.heartbeatMs, options.seeds)
    this.room = new Room(this.members)
    this.commits = new Commits(this.room, options.random, options.lastNumber)
    this.sync = new Sync(this.room, this.commits, options.store, this.#effects, this)
    this.#concerns = new WriteConcerns(this.members, this.#effects)
  }

  get table(): Table {
    return this.room.table
  }

  /** Loads what the store holds of a log; all of them, before the first step. A damaged log is adopted as far as it can be
   *  read, and fetched afresh; the answer says what was wrong with it. */
  load(stored: StoredLog): TallymeshError | undefined {
    const damaged = this.room.load(stored)
    if (!damaged) return undefined
    this.room.drop(stored.log)
    for (const entry of damaged.entries) {
      if (entry.kind !== 'slot') this.commits.carry(entry)
    }
    this.#adopt(stored.log)
    return Room.damaged(stored.log, damaged.damage)
  }

  /** Ends loading. `resume` is the replica id that the witness proved current, if it did. */
  start(resume: ReplicaId | undefined): void {
    for (const log of this.room.takeForks()) this.room.forked.add(log)
    this.room.takeChanged()
    if (resume !== undefined && this.room.logs.get(resume)?.complete && !this.room.forked.has(resume)) {
      this.commits.resume(resume)
    }
  }

  /** Takes one input in; answers what the outside has to do, in order. Never throws for what peers send. */
  step(input: Input): Effect[] {
    switch (input.type) {
      case 'tick':
        this.#tick(input.nowMs)
        break
      case 'open':
        this.#open(input.link, input.peer, input.dialed)
        break
      case 'closed':
        this.#closed(input.link)
        break
      case 'frame':
        this.#frame(input.link, input.kind, input.body)
        break
      case 'flush':
        this.#flush()
        break
      case 'persisted':
        this.#persisted()
        break
      case 'await': {
        const deadlineMs = this.#nowMs + input.timeoutMs
        this.#concerns.add(input.ticket, this.commits.open, input.replicas, deadlineMs)
        break
      }
      case 'remove':
        this.#remove(input.store)
        break
      default: {
        const unreachable: never = input
        throw new TypeError(`unknown input ${JSON.stringify(unreachable)}`)
      }
    }
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

  cell(key: CounterKey): Cell {
    return this.commits.cell(key)
  }

  /** Everybody else in the room, as this node sees it. */
  *view(): IterableIterator<MemberView> {
    const own = this.commits.state
    for (const member of this.members.others()) {
      const lag = own ? Math.max(0, own.clock - this.#concerns.clockOf(own.log, member.store)) : 0
      yield { ...member, lag, phi: this.members.phi(member.store, this.#nowMs) }
    }
  }

  /** A second history of `log` was met, or its digest fails. Its slots keep their maximum and are carried by other logs from
   *  now on; nothing is recounted. */
  diverged(log: ReplicaId, reason: string, entries: readonly Entry[]): void {
    this.room.mergeEntries(log, entries)
    if (!this.room.forked.has(log)) this.commits.carry({ kind: 'fork', replica: log })
    this.#fork(log, reason)
  }

  learned(): void {
    for (const log of this.room.takeForks()) if (!this.room.forked.has(log)) this.#fork(log, 'a peer met both')
    for (const link of this.sync.links()) {
      const store = this.sync.peer(link)?.identity.store
      if (store !== undefined && this.members.isRemoved(store)) this.#refuse(link, removed(store))
    }
  }

  confirmed(mark: DurableMark): void {
    this.#concerns.confirmed(mark)
  }

  #tick(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - (this.#tickMs ?? nowMs))
    const patienceMs = 3 * this.options.heartbeatMs
    this.#tickMs = nowMs
    this.#nowMs += Math.min(passedMs, patienceMs)
    if (passedMs > patienceMs) this.members.resume(this.#nowMs)
    this.#concerns.tick(this.#nowMs)
    if (this.#nowMs < this.#heartbeatMs) return
    this.#heartbeatMs = this.#nowMs + this.options.heartbeatMs
    this.sync.heartbeat()
    this.#judge()
    if (this.#nowMs < this.#compareMs) return
    this.#compareMs = this.#nowMs + this.options.antiEntropyMs
    this.sync.compare()
  }

  #judge(): void {
    for (const { store, name, state } of this.members.judge(this.#nowMs)) {
      this.#effects.push({ type: 'member', store, name, state })
      if (state === 'down') this.#cutSilent(store)
    }
  }

  /** A link whose peer is down is half open: cut, it can be made anew. */
  #cutSilent(store: StoreId): void {
    for (const link of [...this.sync.links()]) {
      const peer = this.sync.peer(link)
      if (peer?.identity.store !== store) continue
      this.#refuse(link, new TallymeshError('LINK_FAILED', `${peer.identity.name} fell silent; the link was cut`))
    }
  }

  #open(link: LinkId, peer: PeerIdentity, dialed: boolean): void {
    if (this.members.isRemoved(peer.store)) {
      this.#effects.push({ type: 'close', link, reason: removed(peer.store) })
      return
    }
    const twin = [...this.sync.links()].find(other => this.sync.peer(other)?.identity.instance === peer.instance)
    if (twin !== undefined) {
      const first = this.options.instance < peer.instance
      if (dialed !== first && this.#dialed.get(twin) === first) {
        this.#effects.push({ type: 'close', link, reason: undefined })
        return
      }
      this.#effects.push({ type: 'close', link: twin, reason: undefined })
      this.#closed(twin)
    }
    this.#dialed.set(link, dialed)
    this.members.met(peer, this.#nowMs)
    this.sync.open(link, peer)
    if (peer.replica !== 0 && peer.replica === this.commits.replica && peer.store !== this.options.store) {
      this.diverged(peer.replica, `${peer.name} uses the own id with another data directory`, [])
    }
    if (this.commits.replica !== undefined) this.#recordMember(peer.store)
    this.#judge()
  }

  #closed(link: LinkId): void {
    const peer = this.sync.peer(link)
    if (!peer) return
    this.#dialed.delete(link)
    this.members.left(peer.identity.store)
    this.sync.closed(link)
    this.#judge()
  }

  #frame(link: LinkId, kind: number, body: Uint8Array): void {
    const peer = this.sync.peer(link)
    if (!peer) return
    try {
      const message = decodeMessage(kind, body)
      if (message.type === 'ping') this.members.heartbeat(peer.identity.store, this.#nowMs)
      this.sync.receive(link, message)
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
    const formed = this.commits.pending ? this.commits.form(() => this.#firstEntries()) : undefined
    const logs: LogWrite[] = [...this.room.takeWrites(), ...(formed ? [formed.write] : [])]
    const written = new Set(logs.map(({ log }) => log))
    this.#writing = [...written].flatMap(id => {
      const log = this.room.logs.get(id)
      return log ? [{ log, clock: log.clock }] : []
    })
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

  /** What opens the log of a fresh id: who writes it, and members that nobody has recorded. */
  #firstEntries(): Entry[] {
    const { name, store, urls } = this.options
    for (const member of this.members.others()) this.#recordMember(member.store)
    return [{ kind: 'member', name, store, urls, removed: false }]
  }

  /** Carries the record of a member that was met and that no log carries as it is: a node that never counts has no log. */
  #recordMember(store: StoreId): void {
    const member = this.members.get(store)
    if (!member || member.recorded || store === this.options.store || member.name === '') return
    const { name, urls, removed } = member
    this.commits.carry({ kind: 'member', store, name, urls: urls.slice(0, 8), removed })
  }

  #remove(store: StoreId): void {
    const member = this.members.get(store)
    const entry: Entry = { kind: 'member', store, name: member?.name ?? '', urls: member?.urls ?? [], removed: true }
    this.members.record(entry)
    this.commits.carry(entry)
    this.learned()
  }

  #fork(log: ReplicaId, reason: string): void {
    const known = this.room.forked.has(log)
    this.room.forked.add(log)
    this.#adopt(log)
    if (known) return
    const own = log === this.commits.replica
    const bound = own ? `. This node takes a fresh id; at most ${this.#countedHere(log)} counts of it are lost` : ''
    const text = `two histories exist under replica id ${showReplicaId(log)}: ${reason}${bound}`
    this.#effects.push({ type: 'report', error: new TallymeshError('LOG_FORKED', text) })
    if (own) this.#giveUpId()
  }

  /** An upper bound of what the other history may hide: all that the own slots of this id hold. */
  #countedHere(log: ReplicaId): bigint {
    let sum = 0n
    for (const { p, n } of this.table.slotsOf(log)) sum += BigInt(p) + BigInt(n)
    return sum
  }

  #giveUpId(): void {
    this.commits.abandon()
    this.#forkTimesMs = [...this.#forkTimesMs.filter(timeMs => this.#nowMs - timeMs < HOUR_MS), this.#nowMs]
    if (this.#forkTimesMs.length <= IDENTITY_CHANGES_MAX || this.contested) return
    this.contested = true
    const text = `the replica id of ${this.options.name} changed ${this.#forkTimesMs.length} times in an hour; find the other user`
    this.#effects.push({ type: 'report', error: new TallymeshError('IDENTITY_CONTESTED', text) })
  }

  #adopt(log: ReplicaId): void {
    for (const entry of this.room.unadopted(log)) this.commits.carry(entry)
  }
}

function removed(store: StoreId): TallymeshError {
  return new TallymeshError(
    'MEMBER_REMOVED',
    `store ${store} was removed from the room for good; start that node with an empty data directory`,
  )
}
