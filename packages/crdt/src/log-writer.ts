import { type BatchVersion, batchChecksum, countEntries, encodeBatch, type ReadFrame, readBatch } from './batch.js'
import { CommitPacker, Said, type SaidPack } from './commit-packer.js'
import { checkMember, type Entry, entryIdentity, entryWeight, type OtherEntry } from './entry.js'
import { encodeLogUpdate, type LogUpdate } from './log-update.js'
import type { ReplicaLog } from './replica-log.js'
import { SlotTotals } from './slot-totals.js'

/** What a commit added to its log. */
export interface AppendedCommit {
  /** The Yjs update to store and to send. */
  readonly bytes: Uint8Array
  /** The clock of its first batch. */
  readonly clock: number
  /** Whether it deleted a part of the log's head. */
  readonly headMoved: boolean
}

/** Entries of elements that are kept as they were appended, at most: what is moved out of them need not be read again. */
const KEPT_MAX = 16_384
/** The weight that a commit of nothing else moves. */
const TIDIED = 512

const NO_SLOTS = new SlotTotals()

/** The head element that is being emptied, and how far its entries were looked at. */
interface Cleaning {
  readonly clock: number
  readonly said: Said
  nextOther: number
  nextSlot: number
}

/** An element as it is appended. */
interface Sealed {
  readonly frame: ReadFrame
  readonly bytes: Uint8Array
}

/** Appends commits to the own log and keeps it O(live entries): each commit moves a bounded number of live entries from the
 *  head into itself and deletes the elements that are emptied so. No commit ever moves everything. */
export class LogWriter {
  /** How much all elements hold, live or not: see `Said`. Entries that an earlier process wrote count once each. */
  #size = 0
  /** Of each element that this process wrote. */
  readonly #sizes = new Map<number, number>()
  #cleaning: Cleaning | undefined
  /** What elements say, by clock, as far as it is kept. */
  readonly #kept = new Map<number, Said>()
  #keptEntries = 0

  /** @param version of the batches that it writes: one that every reader of the log knows */
  constructor(
    readonly log: ReplicaLog,
    readonly version: BatchVersion = 1,
  ) {
    for (let clock = log.head; clock < log.clock; clock++) this.#size += countEntries(log.element(clock))
  }

  /** Whether the log holds more than it should beside what is live: what ended since may have been much. Then a commit of nothing cleans it. */
  get untidy(): boolean {
    return this.#isHeavy(0)
  }

  /** Appends one commit, of as many batches as its entries need. The commit is in the document when this returns, and
   *  nowhere else: persist it before anybody learns of it.
   *  @param entries none where nothing is to be done but to clean the log; identities differ, and no total is below one that this log holds of the same identity: the
   *  later entry is the one that stays
   *  @param salt an integer from 0 to 2^32 − 1 that a second history of this log would not repeat, such as 32 random bits or
   *  those of a clock. Without it two processes with one identity that count the same write the same bytes, and the fork,
   *  with the counts that it swallows, cannot be seen.
   *  @param slots of the log's own replica, by the ids of their keys: as `entries` of their kind, without an object for each
   *  @throws TallymeshError INVALID_NAME for a member record that no reader takes; nothing is appended then */
  append(entries: readonly Entry[], salt = 0, slots = NO_SLOTS): AppendedCommit {
    const { log } = this
    const clock = log.clock
    for (const entry of entries) if (entry.kind === 'member') checkMember(entry)
    const packer = new CommitPacker(log, this.version)
    let changes = slots.size
    for (const entry of entries) {
      changes += entryWeight(entry)
      packer.add(entry)
    }
    for (let i = 0; i < slots.size; i++) {
      packer.addSlot(slots.ids[i] as number, slots.p[i] as number, slots.n[i] as number)
    }
    const head = this.#clean(packer, changes)
    const packs = packer.end()
    const sealed = this.#seal(packs, head, salt)
    const update: LogUpdate = {
      clock,
      deletedTo: clock,
      elements: sealed.map(({ bytes }) => bytes),
      deletes: head > log.head ? { from: log.head, to: head } : undefined,
    }
    const bytes = encodeLogUpdate(log.id, update)
    for (const [i, { said }] of packs.entries()) this.#keep(clock + i, said)
    log.written(
      bytes,
      update,
      sealed.map(({ frame }) => frame),
    )
    return { bytes, clock, headMoved: update.deletes !== undefined }
  }

  /** Moves what is live in the head behind the commit's own entries, which are live by now: while the log is over its bound, of at
   *  most twice the weight that the commit changes (or 32; 512 where it changes nothing), or one. Answers the head that the log has without
   *  the elements emptied. */
  #clean(packer: CommitPacker, changes: number): number {
    const { log } = this
    let budget = changes === 0 ? TIDIED : Math.max(2 * changes, 32)
    let moved = false
    let head = log.head
    while (head < log.clock && this.#overBound(head, packer.size)) {
      if (log.live.liveIn(head, head + 1) === 0) {
        this.#pass(head++)
        continue
      }
      const cleaning = this.#open(head)
      const { slots, others } = cleaning.said
      for (; cleaning.nextOther < others.length; cleaning.nextOther++) {
        const entry = others[cleaning.nextOther] as OtherEntry
        if (log.live.clockOf(entryIdentity(entry)) !== head) continue
        const weight = entryWeight(entry)
        if (weight > budget && moved) return head
        budget -= weight
        packer.add(entry)
        moved = true
      }
      for (; cleaning.nextSlot < slots.size; cleaning.nextSlot++) {
        const id = slots.ids[cleaning.nextSlot] as number
        if (log.live.clockOfSlot(id) !== head) continue
        if (budget < 1 && moved) return head
        budget--
        packer.addSlot(id, slots.p[cleaning.nextSlot] as number, slots.n[cleaning.nextSlot] as number)
        moved = true
      }
      this.#pass(head++)
    }
    return head
  }

  /** Live entries count by their weight, so that what lists much is not moved over and over for commits that change little. */
  #overBound(head: number, appended: number): boolean {
    const { live, clock } = this.log
    return this.#isHeavy(appended) || clock - head >= live.weight / 16 + 64
  }

  #isHeavy(appended: number): boolean {
    return this.#size + appended > 1.5 * this.log.live.weight + 64
  }

  #open(clock: number): Cleaning {
    if (this.#cleaning?.clock === clock) return this.#cleaning
    const said = this.#kept.get(clock) ?? this.#read(clock)
    this.#cleaning = { clock, said, nextOther: 0, nextSlot: 0 }
    return this.#cleaning
  }

  #read(clock: number): Said {
    const { log } = this
    const said = new Said()
    const slots = { keys: log.known, take: (id: number, p: number, n: number) => said.addSlot(id, p, n) }
    readBatch(log.element(clock), log.known, entry => entry.kind !== 'slot' && said.add(entry), slots)
    return said
  }

  /** The element is emptied. */
  #pass(clock: number): void {
    this.#cleaning = undefined
    this.#size -= this.#sizes.get(clock) ?? countEntries(this.log.element(clock))
    this.#sizes.delete(clock)
    this.#keptEntries -= this.#kept.get(clock)?.count ?? 0
    this.#kept.delete(clock)
  }

  #keep(clock: number, said: Said): void {
    this.#size += said.size
    this.#sizes.set(clock, said.size)
    if (this.#keptEntries + said.count > KEPT_MAX) return
    this.#kept.set(clock, said)
    this.#keptEntries += said.count
  }

  /** Turns packs into batches. Only the last declares the new head: before it, moved entries may still stand below. */
  #seal(packs: readonly SaidPack[], head: number, salt: number): Sealed[] {
    let previous = this.log.tip ?? 0
    return packs.map((pack, i) => {
      const declared = i === packs.length - 1 ? head : this.log.head
      const frame = { previous, salt, head: declared, digest: pack.digest }
      const bytes = encodeBatch(frame, pack)
      previous = batchChecksum(bytes)
      return { bytes, frame: { ...frame, checksum: previous } }
    })
  }
}
