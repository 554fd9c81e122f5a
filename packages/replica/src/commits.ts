import {
  type AdoptedEntry,
  type CounterKey,
  type Entry,
  entryIdentity,
  type LogWrite,
  LogWriter,
  type ReplicaId,
} from '@tallymesh/crdt'
import { joinEntries } from './carried.js'
import { type Cell, type GroupCount, overflow } from './cell.js'
import { Cells } from './cells.js'
import { type InFlight, missingOf } from './in-flight.js'
import type { LogState } from './protocol.js'
import type { ReplicaOptions } from './replica-options.js'
import { type Room, stateOf } from './room.js'

const COMMIT_ENTRIES_MAX = 2048
/** How many places of a commit its groups leave to other entries. */
const UNGROUPED_PLACES = 48
/** Cells that the groups of one commit count on, at most: a commit takes them all. */
export const GROUP_CELLS_MAX = COMMIT_ENTRIES_MAX - UNGROUPED_PLACES

/** The own log: counts into cells, and turns what changed into commits, one at a time. */
export class Commits {
  readonly #cells: Cells
  #dirty: Cell[] = []
  readonly #extra = new Map<string, Entry>()
  #writer: LogWriter | undefined
  #stored: LogState | undefined
  /** How many dirty cells, the first ones, belong to commits that no longer take increments. */
  #backlog = 0
  /** How many of the extra entries, the first ones, belong to such commits. */
  #extraBacklog = 0
  /** How many dirty cells the groups of the open commit count on. */
  #grouped = 0
  /** A later part of the commit before was formed: it may hold what was counted into the open one. */
  #touched = false
  inFlight: InFlight | undefined
  /** The number of the commit that increments go into now. Counts up for this process's life, over all ids. */
  open = 1
  /** Own commits of this store so far. */
  #number: number
  readonly #entriesMax: number
  /** Cells that the groups of one commit may count on. */
  readonly groupCellsMax: number

  constructor(
    readonly room: Room,
    readonly options: Pick<ReplicaOptions, 'random' | 'lastNumber' | 'batchVersion' | 'commitEntriesMax'>,
  ) {
    this.#cells = new Cells(room)
    this.#number = options.lastNumber
    this.#entriesMax = options.commitEntriesMax ?? COMMIT_ENTRIES_MAX
    this.groupCellsMax = this.#entriesMax - UNGROUPED_PLACES
  }

  /** The live replica id, or undefined while there is none. */
  get replica(): ReplicaId | undefined {
    return this.#writer?.log.id
  }

  /** The own log as others may know it: without the commit in flight. */
  get state(): LogState | undefined {
    return this.#stored
  }

  get pending(): boolean {
    return this.#dirty.length > 0 || this.#extra.size > 0
  }

  /** How many counters have counts that are in no batch yet. */
  get pendingCells(): number {
    return this.#dirty.length
  }

  /** Goes on under an id whose log is loaded and proven current. */
  resume(replica: ReplicaId): void {
    this.#writer = new LogWriter(this.room.log(replica), this.options.batchVersion)
    this.#publish()
    this.#cells.rebaseAll(this.replica)
  }

  /** Gives the id up: the next commit takes a fresh one. What is pending stays pending. */
  abandon(): void {
    this.#writer = undefined
    this.#stored = undefined
    this.#cells.rebaseAll(this.replica)
  }

  /** Takes over the cells of a replica that was given up after a failed write: once, as the last that is done for the new one.
   *  What was never in a batch still counts, and what `inFlight` added and this room does not know. */
  adoptCells(cells: Iterable<Cell>, open: number, inFlight: InFlight | undefined): void {
    this.open = open
    for (const { cell, p, n } of inFlight ? missingOf(inFlight, this.room.table) : []) {
      cell.batchedP -= p
      cell.batchedN -= n
      // It stood in one batch, groups whole: so it does again.
      cell.grouped = true
    }
    for (const cell of cells) {
      const pending = cell.p > cell.batchedP || cell.n > cell.batchedN
      cell.dirty = pending
      // A group was in a batch as a whole, or not at all: what is pending of it stays together.
      cell.grouped &&= pending
      if (cell.grouped) this.#grouped++
      if (pending) this.#dirty.push(cell)
      this.#cells.adopt(cell, this.replica)
    }
  }

  cells(): IterableIterator<Cell> {
    return this.#cells.values()
  }

  /** The cell of a key that this process was asked for before. */
  findCell(key: CounterKey): Cell | undefined {
    return this.#cells.get(key)
  }

  cell(key: CounterKey): Cell {
    return this.#cells.of(key, this.replica)
  }

  /** Adds to this replica's own slot. O(1), no allocation.
   *  @param amount integer from 1 to 2^53 − 1; checked by the caller
   *  @throws TallymeshError COUNTER_OVERFLOW when the slot would pass 2^53 − 1; nothing is counted then */
  increment(cell: Cell, amount: number): void {
    const p = cell.p + amount
    if (p > Number.MAX_SAFE_INTEGER) throw overflow(cell.key, 'increments', cell.p, amount)
    cell.p = p
    if (!cell.dirty) this.#mark(cell)
  }

  /** As `increment`, for decrements. */
  decrement(cell: Cell, amount: number): void {
    const n = cell.n + amount
    if (n > Number.MAX_SAFE_INTEGER) throw overflow(cell.key, 'decrements', cell.n, amount)
    cell.n = n
    if (!cell.dirty) this.#mark(cell)
  }

  /** Whether a group may be counted now: not while a commit is drained in several parts, and only where the cells of all
   *  groups of the open commit fit into its first part. */
  admits(group: readonly GroupCount[]): boolean {
    if (this.#draining) return false
    let cells = this.#grouped
    for (const { cell } of group) if (!cell.grouped) cells++
    return cells <= this.groupCellsMax
  }

  /** Counts a group that `admits` allowed: all of it goes into one batch of the disk, or nothing. Every cell appears once.
   *  @throws TallymeshError COUNTER_OVERFLOW when a slot would pass 2^53 − 1; nothing of the group is counted then */
  addGroup(group: readonly GroupCount[]): void {
    for (const { cell, p, n } of group) {
      if (cell.p + p > Number.MAX_SAFE_INTEGER) throw overflow(cell.key, 'increments', cell.p, p)
      if (cell.n + n > Number.MAX_SAFE_INTEGER) throw overflow(cell.key, 'decrements', cell.n, n)
    }
    for (const { cell, p, n } of group) {
      cell.p += p
      cell.n += n
      if (!cell.dirty) this.#mark(cell)
      if (cell.grouped) continue
      cell.grouped = true
      this.#grouped++
    }
  }

  /** Adds entries that are not counts (members, adoptions, forks) to the coming commits. */
  carry(entry: Entry): void {
    const identity = entryIdentity(entry)
    const waiting = this.#extra.get(identity)
    this.#extra.set(identity, waiting ? joinEntries(waiting, entry) : entry)
  }

  /** Whether an entry adopts more of the live id's slot than this replica counted: then somebody else counts under it. */
  isBeyond({ replica, key, p, n }: AdoptedEntry): boolean {
    if (replica !== this.replica) return false
    const cell = this.cell(key)
    return p > cell.batchedP || n > cell.batchedN
  }

  /** Carries a slot of another replica, or of an earlier id. No log may hold a total below one that it held before. */
  adopt(entry: AdoptedEntry): void {
    const { p, n } = this.room.table.slot(entry.replica, this.room.table.idOf(entry.key))
    this.carry({ ...entry, p: Math.max(p, entry.p), n: Math.max(n, entry.n) })
  }

  /** The entries that are not counts and wait for a commit. */
  extras(): IterableIterator<Entry> {
    return this.#extra.values()
  }

  /** Whether entries that are not counts wait for a commit. */
  get carries(): boolean {
    return this.#extra.size > 0
  }

  /** Turns what is pending into a commit, in memory. `first` are entries that open the log of a fresh id. Answers undefined
   *  where nothing is pending; the caller has made sure that no commit is in flight. `nowMs` is any clock: mixed into the
   *  salt, it keeps a process that was set back to an earlier memory, generator included, from repeating its commits. */
  form(nowMs: number, first: () => readonly Entry[]): { commit: InFlight; write: LogWrite } | undefined {
    if (!this.pending) return undefined
    if (!this.#writer) {
      this.#writer = new LogWriter(this.room.create(this.room.freshId(this.options.random)), this.options.batchVersion)
      for (const entry of first()) this.carry(entry)
    }
    const { log } = this.#writer
    const salt = (Math.floor(this.options.random() * 2 ** 32) ^ nowMs) >>> 0
    const later = this.#draining
    if (!later) this.#closeOpen()
    this.#touched = later
    const { entries, counts } = this.#take(log.id)
    const before = log.tip ?? 0
    const { bytes, clock, headMoved } = this.#writer.append(entries, salt)
    const mark = { number: ++this.#number, replica: log.id, clock: log.clock, tip: log.tip ?? 0, before }
    // A later part takes its cells and entries as they are by then. Nothing else may wait: then it closes the open commit, too.
    if (later && !this.pending) this.closeTouched()
    const done = this.#draining ? this.open - 2 : this.open - 1
    this.inFlight = { bytes, clock, headMoved, replica: log.id, mark, done, end: log.clock, entries, counts }
    const head = headMoved ? { head: { clock: log.head, update: log.headUpdate() } } : {}
    return { commit: this.inFlight, write: { log: log.id, append: { clock, update: bytes }, ...head } }
  }

  /** Closes the open commit where counts of it may be in a part of the one before: they stand or fall with that.
   *  Answers the commit that increments go into then. */
  closeTouched(): number {
    if (this.#touched) this.open++
    this.#touched = false
    return this.open
  }

  /** The commit in flight is durable; answers it. */
  persisted(): InFlight | undefined {
    const commit = this.inFlight
    this.inFlight = undefined
    if (commit?.replica === this.replica) this.#publish()
    return commit
  }

  #publish(): void {
    const log = this.#writer?.log
    this.#stored = log && stateOf(log)
  }

  /** Whether parts of a commit that takes no more increments wait for their turn. */
  get #draining(): boolean {
    return this.#backlog > 0 || this.#extraBacklog > 0
  }

  /** From now on increments go into the next commit. What groups count on comes first: one part takes it whole. */
  #closeOpen(): void {
    if (this.#grouped > 0) {
      const grouped = this.#dirty.filter(cell => cell.grouped)
      this.#dirty = [...grouped, ...this.#dirty.filter(cell => !cell.grouped)]
    }
    this.#backlog = this.#dirty.length
    this.#extraBacklog = this.#extra.size
    this.open++
  }

  /** What the next part of a commit takes: what groups count on, then entries that are not counts, then other cells. */
  #take(replica: ReplicaId): Pick<InFlight, 'entries' | 'counts'> {
    const entries: Entry[] = []
    const counts: GroupCount[] = []
    this.#takeCells(replica, this.#grouped, entries, counts)
    this.#grouped = 0
    for (const [identity, entry] of this.#extra) {
      if (entries.length >= this.#entriesMax) break
      entries.push(entry)
      this.room.carry(replica, entry)
      this.#extra.delete(identity)
      if (this.#extraBacklog > 0) this.#extraBacklog--
    }
    this.#takeCells(replica, Math.min(this.#backlog, this.#entriesMax - entries.length), entries, counts)
    return { entries, counts }
  }

  /** Moves the first dirty cells into `entries`. */
  #takeCells(replica: ReplicaId, count: number, entries: Entry[], counts: GroupCount[]): void {
    if (count <= 0) return
    const cells = this.#dirty.splice(0, count)
    this.#backlog -= cells.length
    for (const cell of cells) {
      counts.push({ cell, p: cell.p - cell.batchedP, n: cell.n - cell.batchedN })
      cell.dirty = false
      cell.grouped = false
      cell.batchedP = cell.p
      cell.batchedN = cell.n
      this.room.table.merge(replica, cell.id, cell.p, cell.n)
      this.room.markChanged(cell.id)
      entries.push({ kind: 'slot', key: cell.key, p: cell.p, n: cell.n })
    }
  }

  #mark(cell: Cell): void {
    cell.dirty = true
    this.#dirty.push(cell)
  }
}
