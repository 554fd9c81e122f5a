import {
  type AdoptedEntry,
  type CounterKey,
  entryIdentity,
  type LogWrite,
  LogWriter,
  type OtherEntry,
  type ReplicaId,
  removedBy,
} from '@tallymesh/crdt'
import { type Cell, type GroupCount, overflow } from './cell.js'
import { Cells } from './cells.js'
import { NO_WORK } from './commit-work.js'
import { ExtraEntries } from './extra-entries.js'
import { Counted, type InFlight } from './in-flight.js'
import { OwnStates } from './own-states.js'
import { type LogState, stateOf } from './protocol.js'
import type { ReplicaOptions } from './replica-options.js'
import type { Room } from './room.js'

const COMMIT_ENTRIES_MAX = 2048
/** How many places of a commit its groups leave to other entries. */
const UNGROUPED_PLACES = 48
/** Cells that the groups of one commit count on, at most: a commit takes them all. */
export const GROUP_CELLS_MAX = COMMIT_ENTRIES_MAX - UNGROUPED_PLACES

/** The own log: counts into cells, and turns what changed into commits, one at a time. */
export class Commits {
  readonly #cells: Cells
  #dirty: Cell[] = []
  /** Entries that are not counts and wait for a commit. */
  readonly extra = new ExtraEntries()
  work = NO_WORK
  /** Of the own log, once it is open. */
  writer: LogWriter | undefined
  readonly states = new OwnStates()
  /** How many dirty cells, the first ones, belong to commits that no longer take increments. */
  #backlog = 0
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
    return this.writer?.log.id
  }

  /** The own log as others may know it: without the commit in flight. */
  get state(): LogState | undefined {
    return this.states.latest
  }

  get pending(): boolean {
    return this.#dirty.length > 0 || this.extra.size > 0
  }

  /** How many counters have counts that are in no batch yet. */
  get pendingCells(): number {
    return this.#dirty.length
  }

  /** Goes on under an id whose log is loaded and proven current. */
  resume(replica: ReplicaId): void {
    const log = this.room.log(replica)
    this.writer = new LogWriter(log, this.options.batchVersion)
    this.states.load(log)
    this.#cells.rebaseAll(this.replica)
  }

  /** Gives the id up: the next commit takes a fresh one. What is pending stays pending. */
  abandon(): void {
    this.writer = undefined
    this.states.clear()
    this.#cells.rebaseAll(this.replica)
  }

  /** Takes over the cells of a replica that was given up after a failed write: once, as the last that is done for the new one.
   *  What was never in a batch still counts, and what `inFlight` added and this room does not know. */
  adoptCells(cells: Iterable<Cell>, open: number, inFlight: InFlight | undefined): void {
    this.open = open
    for (const { cell, p, n } of inFlight?.counted.missingOf(inFlight.replica, this.room.table) ?? []) {
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
    if (this.draining) return false
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
  carry(entry: OtherEntry): void {
    this.extra.add(entry)
  }

  /** Whether an entry, not merged yet, adopts more of a live slot than was counted here: somebody else counts under the id. */
  isBeyond({ replica, key, p, n }: AdoptedEntry): boolean {
    if (replica !== this.replica) return false
    const { batchedP, batchedN } = this.cell(key)
    return p > batchedP || n > batchedN
  }

  /** Carries a slot of another replica, or of an earlier id. No log may hold a total below one that it held before. */
  adopt(entry: AdoptedEntry): void {
    const { p, n } = this.room.table.slot(entry.replica, this.room.table.idOf(entry.key))
    this.carry({ ...entry, p: Math.max(p, entry.p), n: Math.max(n, entry.n) })
  }

  /** Turns what is pending into a commit, in memory. `first` are entries that open the log of a fresh id. Answers undefined
   *  where nothing is pending; the caller has made sure that no commit is in flight. `nowMs` is any clock: mixed into the
   *  salt, it keeps a process that was set back to an earlier memory, generator included, from repeating its commits. */
  form(nowMs: number, first: () => readonly OtherEntry[]): { commit: InFlight; write: LogWrite } | undefined {
    const work = this.writer ? this.work.take() : []
    if (!this.pending && work.length === 0 && !this.writer?.untidy) return undefined
    if (!this.writer) {
      this.writer = new LogWriter(this.room.create(this.room.freshId(this.options.random)), this.options.batchVersion)
      for (const entry of first()) this.carry(entry)
    }
    const { log } = this.writer
    const salt = (Math.floor(this.options.random() * 2 ** 32) ^ nowMs) >>> 0
    const later = this.draining
    if (!later) this.#closeOpen()
    this.#touched = later
    const { entries, counted } = this.#take(log.id, work)
    const before = log.tip ?? 0
    const { bytes, clock, headMoved } = this.writer.append(entries, salt, counted.totals)
    this.room.wrote(log, clock, entries)
    const mark = { number: ++this.#number, replica: log.id, clock: log.clock, tip: log.tip ?? 0, before }
    // A later part takes its cells and entries as they are by then. Nothing else may wait: then it closes the open commit, too.
    if (later && !this.pending) this.closeTouched()
    const done = this.draining ? this.open - 2 : this.open - 1
    this.inFlight = { bytes, clock, headMoved, replica: log.id, mark, done, end: log.clock, counted, entries }
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
    if (this.writer && commit?.replica === this.replica) this.states.add(stateOf(this.writer.log))
    return commit
  }

  /** Whether parts of a commit that takes no more increments wait for their turn. */
  get draining(): boolean {
    return this.#backlog > 0 || this.extra.draining
  }

  /** From now on increments go into the next commit. What groups count on comes first: one part takes it whole. */
  #closeOpen(): void {
    if (this.#grouped > 0) {
      const grouped = this.#dirty.filter(cell => cell.grouped)
      this.#dirty = [...grouped, ...this.#dirty.filter(cell => !cell.grouped)]
    }
    this.#backlog = this.#dirty.length
    this.extra.close()
    this.open++
  }

  /** What the next part of a commit takes: the work on operations, what groups count on, then entries that are not counts,
   *  then other cells. */
  #take(replica: ReplicaId, work: readonly OtherEntry[]): Pick<InFlight, 'entries' | 'counted'> {
    const entries = [...work]
    for (const entry of work) this.room.carry(replica, entry)
    const counted = new Counted()
    this.#takeCells(replica, this.#grouped, counted)
    this.#grouped = 0
    const said = new Set(work.flatMap(entry => [entryIdentity(entry), ...removedBy(entry)]))
    for (const entry of this.extra.take(this.#entriesMax - entries.length - counted.size)) {
      // What this commit says anyway, settles or drops: twice in one batch it would spoil the log's digest.
      if (said.has(entryIdentity(entry))) continue
      entries.push(entry)
      this.room.carry(replica, entry)
    }
    this.#takeCells(replica, Math.min(this.#backlog, this.#entriesMax - entries.length - counted.size), counted)
    return { entries, counted }
  }

  /** Moves what the first dirty cells count into `counted`. */
  #takeCells(replica: ReplicaId, count: number, counted: Counted): void {
    if (count <= 0) return
    const cells = this.#dirty.splice(0, count)
    this.#backlog -= cells.length
    for (const cell of cells) {
      counted.take(cell)
      cell.dirty = false
      cell.grouped = false
      this.room.table.merge(replica, cell.id, cell.p, cell.n)
      this.room.markChanged(cell.id)
    }
  }

  #mark(cell: Cell): void {
    cell.dirty = true
    this.#dirty.push(cell)
  }
}
