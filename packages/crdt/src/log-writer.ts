import {
  type Batch,
  type BatchVersion,
  batchChecksum,
  countEntries,
  decodeBatch,
  encodeBatch,
  mergePacks,
  type Pack,
  packEntries,
} from './batch.js'
import type { Digest } from './digest.js'
import { checkMember, type Entry, entryIdentity, entryWeight } from './entry.js'
import { encodeLogUpdate, type LogUpdate } from './log-update.js'
import type { ReplicaLog } from './replica-log.js'

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

/** The head element that is being emptied, and how far its entries were looked at. */
interface Cleaning {
  readonly clock: number
  readonly entries: readonly Entry[]
  next: number
}

/** Appends commits to the own log and keeps it O(live entries): each commit moves a bounded number of live entries from the
 *  head into itself and deletes the elements that are emptied so. No commit ever moves everything. */
export class LogWriter {
  /** How much all elements hold, live or not: see `sizeOf`. Entries that an earlier process wrote count once each. */
  #size = 0
  /** Of each element that this process wrote. */
  readonly #sizes = new Map<number, number>()
  #cleaning: Cleaning | undefined
  /** The entries of elements by clock, as far as they are kept. */
  readonly #kept = new Map<number, readonly Entry[]>()
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
   *  @throws TallymeshError INVALID_NAME for a member record that no reader takes; nothing is appended then */
  append(entries: readonly Entry[], salt = 0): AppendedCommit {
    const { log } = this
    const clock = log.clock
    for (const entry of entries) if (entry.kind === 'member') checkMember(entry)
    const packs = packEntries(entries, this.version)
    const digests = packs.map((pack, i) => this.#take(pack, clock + i))
    const { moved, head } = this.#clean(entries)
    if (moved.length > 0) {
      const last = packs.length - 1
      const more = packEntries(moved, this.version)
      const merged = mergePacks(packs[last] as Pack, more[0] as Pack)
      if (merged) {
        packs[last] = merged
        digests[last] = this.#take(more.shift() as Pack, clock + last)
      }
      for (const pack of more) digests.push(this.#take(pack, clock + packs.push(pack) - 1))
    }
    const batches = this.#seal(packs, digests, head, salt)
    const update: LogUpdate = {
      clock,
      deletedTo: clock,
      elements: batches.map(({ bytes }) => bytes),
      deletes: head > log.head ? { from: log.head, to: head } : undefined,
    }
    const bytes = encodeLogUpdate(log.id, update)
    for (const [i, { batch }] of batches.entries()) this.#keep(clock + i, batch)
    log.written(
      bytes,
      update,
      batches.map(({ batch }) => batch),
    )
    return { bytes, clock, headMoved: update.deletes !== undefined }
  }

  /** Chooses what moves, once the commit's own entries are live: while the log is over its bound, the live entries of the head, of at
   *  most twice the weight that the commit changes (or 32; 512 where it changes nothing), or one. Answers them and the head that the log has without the elements
   *  emptied. */
  #clean(changed: readonly Entry[]): { moved: Entry[]; head: number } {
    const { log } = this
    let changes = 0
    for (const entry of changed) changes += entryWeight(entry)
    const moved: Entry[] = []
    let appended = sizeOf(changed)
    let budget = changed.length === 0 ? TIDIED : Math.max(2 * changes, 32)
    let head = log.head
    while (head < log.clock && this.#overBound(head, appended)) {
      if (log.live.liveIn(head, head + 1) === 0) {
        this.#pass(head++)
        continue
      }
      const cleaning = this.#open(head)
      for (; cleaning.next < cleaning.entries.length; cleaning.next++) {
        const entry = cleaning.entries[cleaning.next] as Entry
        if (log.live.clockOf(entryIdentity(entry)) !== head) continue
        const weight = entryWeight(entry)
        if (weight > budget && moved.length > 0) return { moved, head }
        budget -= weight
        appended += sizeOf([entry])
        moved.push(entry)
      }
      this.#pass(head++)
    }
    return { moved, head }
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
    const entries = this.#kept.get(clock) ?? entriesOf(decodeBatch(this.log.element(clock), this.log.known))
    this.#cleaning = { clock, entries, next: 0 }
    return this.#cleaning
  }

  /** The element is emptied. */
  #pass(clock: number): void {
    this.#cleaning = undefined
    this.#size -= this.#sizes.get(clock) ?? countEntries(this.log.element(clock))
    this.#sizes.delete(clock)
    this.#keptEntries -= this.#kept.get(clock)?.length ?? 0
    this.#kept.delete(clock)
  }

  #keep(clock: number, batch: Batch): void {
    const size = sizeOf(entriesOf(batch))
    this.#size += size
    this.#sizes.set(clock, size)
    if (this.#keptEntries + batch.entries.length > KEPT_MAX) return
    this.#kept.set(clock, entriesOf(batch))
    this.#keptEntries += batch.entries.length
  }

  /** Makes the entries of the batch at `clock` live, in their order. Answers the digest that its readers find. */
  #take({ entries }: Pack, clock: number): Digest {
    const { live } = this.log
    for (const { entry, lo, hi } of entries) live.take(entry, lo, hi, clock)
    return live.digest.copy()
  }

  /** Turns packs into batches. Only the last declares the new head: before it, moved entries may still stand below. */
  #seal(
    packs: readonly Pack[],
    digests: readonly Digest[],
    head: number,
    salt: number,
  ): Array<{ bytes: Uint8Array; batch: Batch }> {
    let previous = this.log.tip ?? 0
    return packs.map((pack, i) => {
      const declared = i === packs.length - 1 ? head : this.log.head
      const frame = { previous, salt, head: declared, digest: digests[i] as Digest }
      const bytes = encodeBatch(frame, pack)
      previous = batchChecksum(bytes)
      return { bytes, batch: { ...frame, entries: pack.entries, checksum: previous } }
    })
  }
}

function entriesOf({ entries }: Batch): Entry[] {
  return entries.map(({ entry }) => entry)
}

/** Folds count for the slots that they list, all else once: what operations come in weighs more only while it is live, so that it is seldom
 *  moved. */
function sizeOf(entries: readonly Entry[]): number {
  let size = entries.length
  for (const entry of entries) if (entry.kind === 'fold') size += entry.slots.length - 1
  return size
}
