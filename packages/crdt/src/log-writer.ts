import { BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, BATCH_FRAME_BYTES, countEntries, decodeBatch } from './batch.js'
import { type Batch, type EncodedEntry, encodeBatch, encodeEntry } from './batch.js'
import { type Entry, entryIdentity } from './entry.js'
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

/** The head element that is being emptied, and how far its entries were looked at. */
interface Cleaning {
  readonly clock: number
  readonly entries: readonly Entry[]
  next: number
}

/** Appends commits to the own log and keeps it O(live entries): each commit moves a bounded number of live entries from the
 *  head into itself and deletes the elements that are emptied so. No commit ever moves everything. */
export class LogWriter {
  #entries = 0
  #cleaning: Cleaning | undefined

  constructor(readonly log: ReplicaLog) {
    for (let clock = log.head; clock < log.clock; clock++) this.#entries += countEntries(log.element(clock))
  }

  /** Appends one commit, of as many batches as its entries need. The commit is in the document when this returns, and
   *  nowhere else: persist it before anybody learns of it.
   *  @param entries at least one; identities differ */
  append(entries: readonly Entry[]): AppendedCommit {
    const { log } = this
    const clock = log.clock
    const { moved, head } = this.#clean(entries)
    const packs = pack([...entries.map(encodeEntry), ...moved.map(encodeEntry)])
    const batches = this.#seal(packs, head)
    const update: LogUpdate = {
      clock,
      deletedTo: clock,
      elements: batches.map(({ bytes }) => bytes),
      deletes: head > log.head ? { from: log.head, to: head } : undefined,
    }
    const bytes = encodeLogUpdate(log.id, update)
    this.#entries += entries.length + moved.length
    log.apply({ verdict: 'new', bytes, update, clock, batches: batches.map(({ batch }) => batch) })
    return { bytes, clock, headMoved: update.deletes !== undefined }
  }

  /** Chooses what moves: while the log is over its bound, the live entries of the head, at most twice as many as the commit
   *  changes (or 32). Answers them and the head that the log has without the elements emptied. */
  #clean(changed: readonly Entry[]): { moved: Entry[]; head: number } {
    const { log } = this
    const identities = new Set(changed.map(entryIdentity))
    const moved: Entry[] = []
    const budget = Math.max(2 * changed.length, 32)
    let head = log.head
    while (head < log.clock && this.#overBound(head, changed.length + moved.length)) {
      const cleaning = this.#open(head)
      for (; cleaning.next < cleaning.entries.length; cleaning.next++) {
        const entry = cleaning.entries[cleaning.next] as Entry
        const identity = entryIdentity(entry)
        if (log.live.clockOf(identity) !== head || identities.has(identity)) continue
        if (moved.length === budget) return { moved, head }
        moved.push(entry)
      }
      this.#entries -= cleaning.entries.length
      this.#cleaning = undefined
      head++
    }
    return { moved, head }
  }

  #overBound(head: number, appended: number): boolean {
    const live = this.log.live.size
    return this.#entries + appended > 1.5 * live + 64 || this.log.clock - head >= live / 16 + 64
  }

  #open(clock: number): Cleaning {
    if (this.#cleaning?.clock === clock) return this.#cleaning
    const { entries } = decodeBatch(this.log.element(clock), this.log.known)
    this.#cleaning = { clock, entries: entries.map(({ entry }) => entry), next: 0 }
    return this.#cleaning
  }

  /** Turns packs into batches. Only the last declares the new head: before it, moved entries may still stand below. */
  #seal(packs: readonly EncodedEntry[][], head: number): Array<{ bytes: Uint8Array; batch: Batch }> {
    const digest = this.log.live.digest.copy()
    return packs.map((entries, i) => {
      for (const { entry, lo, hi } of entries) {
        const old = this.log.live.hashOf(entryIdentity(entry))
        if (old) digest.subtract(old.lo, old.hi)
        digest.add(lo, hi)
      }
      const declared = i === packs.length - 1 ? head : this.log.head
      const batch = { head: declared, entries, digest: digest.copy() }
      return { bytes: encodeBatch(declared, entries, batch.digest), batch }
    })
  }
}

/** Splits entries into batches within the limits, in order. */
function pack(entries: readonly EncodedEntry[]): EncodedEntry[][] {
  const packs: EncodedEntry[][] = []
  let bytes = 0
  for (const entry of entries) {
    const last = packs.at(-1)
    const fits = bytes + entry.bytes.length <= BATCH_BYTES_MAX - BATCH_FRAME_BYTES
    if (last && last.length < BATCH_ENTRIES_MAX && fits) last.push(entry)
    else {
      packs.push([entry])
      bytes = 0
    }
    bytes += entry.bytes.length
  }
  return packs
}
