import * as Y from 'yjs'
import type { Batch, ReadFrame } from './batch.js'
import type { Digest } from './digest.js'
import type { Entry, KeyBytes, KeyNumbers, TakeStoredSlot } from './entry.js'
import { TallymeshError } from './errors.js'
import { type ReplicaId, showReplicaId } from './ids.js'
import { dropOf } from './ledger-entry.js'
import { type KeyIds, LiveEntries } from './live-entries.js'
import { brokenChain, decodeLogBatch, readLogBatch } from './log-batch.js'
import { LogDocument } from './log-document.js'
import { decodeLogUpdate, encodeLogUpdate, type LogUpdate } from './log-update.js'
import { StagedEntries } from './staged-entries.js'
import type { CheckedUpdate, Verdict } from './verdict.js'

/** One replica's history: a Yjs document of its own with one root array of batches, and the index of its live entries.
 *  Invariant: the document holds the clocks [0, clock) without gaps; [0, head) are deleted. Everything enters by `check` and
 *  `apply`, own commits, peers' updates and stored records alike; so Yjs never holds a pending struct. */
export class ReplicaLog {
  readonly live: LiveEntries
  readonly #document: LogDocument
  #clock = 0
  #head = 0
  /** The largest head that a batch held here declares; no deletion may pass it. */
  #declaredHead = 0
  /** Elements below this clock may never have been held: the digest says nothing until a batch declares a head this high. */
  #gapEnd = 0
  #tip: number | undefined = 0

  constructor(
    readonly id: ReplicaId,
    readonly known: KeyNumbers & KeyIds & KeyBytes,
  ) {
    this.live = new LiveEntries(id, known)
    this.#document = new LogDocument(id)
  }

  get doc(): Y.Doc {
    return this.#document.doc
  }

  /** The clock that the next element will have. */
  get clock(): number {
    return this.#clock
  }

  /** The clock of the first element that is not deleted. */
  get head(): number {
    return this.#head
  }

  /** The checksum of the last element, 0 before the first; undefined while it is not held. Two logs with the same clock and
   *  the same tip have the same history: the digest compares only what is live. */
  get tip(): number | undefined {
    return this.#tip
  }

  get digest(): Readonly<Digest> {
    return this.live.digest
  }

  /** Whether every live entry up to `clock` is held: false only while a catch-up across deleted elements is under way.
   *  An incomplete log must not be served to others. */
  get complete(): boolean {
    return this.#declaredHead >= this.#gapEnd && this.#head >= this.#gapEnd
  }

  /** How many structs Yjs holds for this log. */
  get structs(): number {
    return this.#document.structs.length
  }

  /** Judges an update; changes nothing. Bounded by the length of `bytes`.
   *  @throws TallymeshError UPDATE_REFUSED, BATCH_DAMAGED or BATCH_UNSUPPORTED; nothing of the update may be used then */
  check(bytes: Uint8Array): Verdict {
    const update = decodeLogUpdate(this.id, bytes)
    const end = update.deletedTo + update.elements.length
    if (update.clock > this.#clock) return { verdict: 'gap', from: this.#clock }
    const firstNew = Math.max(this.#clock, update.deletedTo)
    const split = Math.max(0, firstNew - update.deletedTo)
    const batches = update.elements.slice(split).map(element => decodeLogBatch(this.id, element, this.known))
    const staged = new StagedEntries(this.live)
    const reason =
      this.#differs(update) ??
      this.#breaksChain(firstNew, batches) ??
      this.#digestFails(update, firstNew, batches, staged)
    if (reason !== undefined) {
      const entries = update.elements.flatMap(element => decodeLogBatch(this.id, element, this.known).entries)
      return { verdict: 'diverged', reason, entries: entries.map(({ entry }) => entry) }
    }
    const judged = this.#judgeDeletes(update, Math.max(end, this.#clock), batches, staged)
    if (!judged) return { verdict: 'gap', from: this.#clock }
    const deletesMore = update.deletes !== undefined && update.deletes.to > this.#head
    if (end <= this.#clock && !deletesMore) return { verdict: 'known', update }
    return { verdict: 'new', bytes, update, clock: firstNew, batches }
  }

  /** Applies a checked update.
   *  @param take takes its entries in order, each when it is live */
  apply(checked: CheckedUpdate, take: (entry: Entry) => void): void {
    const { update, batches } = checked
    Y.applyUpdate(this.doc, checked.bytes, this)
    this.#skip(update.deletedTo)
    for (const batch of batches) this.#append(batch, take)
    this.#moveHead(update)
  }

  /** As `apply`, of a commit whose entries its writer made live. */
  written(bytes: Uint8Array, update: LogUpdate, batches: readonly ReadFrame[]): void {
    Y.applyUpdate(this.doc, bytes, this)
    for (const batch of batches) this.#pass(batch, ignore)
    this.#moveHead(update)
  }

  /** `check` and `apply` in one, several times as fast, for a log that is being loaded and is thrown away where this throws: it then holds a
   *  part of the update. Answers the entries in order; without slots, where `takeSlot` takes those.
   *  @throws TallymeshError LOG_DAMAGED, or what `check` throws */
  replay(bytes: Uint8Array, takeSlot?: TakeStoredSlot): Entry[] {
    const update = decodeLogUpdate(this.id, bytes)
    if (update.clock > this.#clock) throw damaged(`records are missing from clock ${this.#clock} on`)
    const firstNew = Math.max(this.#clock, update.deletedTo)
    const reason = this.#differs(update)
    if (reason !== undefined) throw damaged(reason)
    Y.applyUpdate(this.doc, bytes, this)
    const entries: Entry[] = []
    this.#skip(update.deletedTo)
    for (let at = Math.max(0, firstNew - update.deletedTo); at < update.elements.length; at++) {
      this.#replay(update.elements[at] as Uint8Array, entry => entries.push(entry), takeSlot)
    }
    if (!this.#declares(update)) throw damaged('it deletes what it does not declare')
    this.#moveHead(update)
    return entries
  }

  #replay(element: Uint8Array, takeEntry: (entry: Entry) => void, takeSlot: TakeStoredSlot | undefined): void {
    const clock = this.#clock
    const { live, known: keys } = this
    const take = (entry: Entry, lo: number, hi: number) => {
      live.take(entry, lo, hi, clock)
      takeEntry(entry)
    }
    const slots = takeSlot && { keys, take: live.takingSlots(clock, takeSlot) }
    const batch = readLogBatch(this.id, element, keys, take, slots)
    const reason = this.#breaksChain(clock, [batch])
    if (reason !== undefined) throw damaged(reason)
    this.#pass(batch, takeEntry)
    if (batch.head >= this.#clock) throw damaged(`it declares a head of ${batch.head} at clock ${clock}`)
    if (this.#declaredHead < this.#gapEnd || this.digest.equals(batch.digest)) return
    throw damaged(`it does not match its digest at clock ${clock}`)
  }

  /** Elements that come without content: their log has deleted them. */
  #skip(deletedTo: number): void {
    if (deletedTo <= this.#clock) return
    this.#gapEnd = deletedTo
    this.#tip = undefined
    this.#clock = deletedTo
  }

  #append(batch: Batch, take: (entry: Entry) => void): void {
    for (const { entry, lo, hi } of batch.entries) {
      this.live.take(entry, lo, hi, this.#clock)
      take(entry)
    }
    this.#pass(batch, take)
  }

  /** The entries of the next element are live. */
  #pass({ head, checksum }: ReadFrame, take: (entry: Entry) => void): void {
    if (this.#declaredHead < this.#gapEnd && head >= this.#gapEnd) this.#closeGap(take)
    this.#clock++
    this.#declaredHead = Math.max(this.#declaredHead, head)
    this.#tip = checksum
  }

  /** All that is live now was written behind the gap: what this log still holds from before it was dropped within. */
  #closeGap(take: (entry: Entry) => void): void {
    for (const identity of this.live.othersBelow(this.#gapEnd)) {
      const drop = dropOf(identity)
      if (!drop) continue
      this.live.delete(identity)
      take(drop)
    }
  }

  /** Whether the deletion of an applied update was declared, and holds nothing live. */
  #declares({ deletes }: LogUpdate): boolean {
    if (!deletes || deletes.to <= this.#head) return true
    const { from, to } = deletes
    if (from > this.#head || to > Math.min(this.#declaredHead, this.#clock)) return false
    return this.live.liveIn(this.#head, to) === 0
  }

  /** The updates that a holder of [0, from) lacks, as one update of at most about `bytesMax` bytes: elements first, the
   *  deletion of the prefix only with the last. Its `end` is the clock that its receiver then has. */
  diff(from: number, bytesMax: number): { bytes: Uint8Array; end: number; last: boolean } {
    const deletedTo = Math.max(from, Math.min(this.#head, this.#clock))
    const elements: Uint8Array[] = []
    let size = 0
    let end = deletedTo
    while (end < this.#clock) {
      const element = this.element(end)
      size += element.length + 24
      if (size > bytesMax && elements.length > 0) break
      elements.push(element)
      end++
    }
    const last = end === this.#clock
    const deletes = last && this.#head > 0 ? { from: 0, to: this.#head } : undefined
    return { bytes: encodeLogUpdate(this.id, { clock: from, deletedTo, elements, deletes }), end, last }
  }

  /** The update that stands for the deleted prefix [0, head): what a store keeps in place of its records. */
  headUpdate(): Uint8Array {
    return encodeLogUpdate(this.id, { clock: 0, deletedTo: this.#head, elements: [], deletes: undefined })
  }

  /** The batch at a clock in [head, clock), as bytes. */
  element(clock: number): Uint8Array {
    const held = this.#document.held(clock)
    if (!held) throw damaged(`log ${showReplicaId(this.id)} holds no batch at clock ${clock}`)
    return held
  }

  /** The head follows a deletion, and goes past a gap of a catch-up that begins there: its elements are deleted too. */
  #moveHead({ clock, deletedTo, deletes }: LogUpdate): void {
    if (!deletes && deletedTo === clock) return
    this.#head = this.#document.nextHeld(Math.max(this.#head, deletes?.to ?? 0), this.#clock)
  }

  /** Compares the elements that both hold. */
  #differs({ deletedTo, elements }: LogUpdate): string | undefined {
    const end = Math.min(deletedTo + elements.length, this.#clock)
    for (let clock = Math.max(deletedTo, this.#head); clock < end; clock++) {
      const own = this.#document.held(clock)
      const other = elements[clock - deletedTo] as Uint8Array
      if (own && (own.length !== other.length || own.some((byte, i) => byte !== other[i]))) {
        return `log ${showReplicaId(this.id)} has two different batches at clock ${clock}`
      }
    }
    return undefined
  }

  /** Where the gap ends once `update` is applied. */
  #gapEndWith(update: LogUpdate): number {
    return update.deletedTo > this.#clock ? update.deletedTo : this.#gapEnd
  }

  /** Each batch names the one before it. */
  #breaksChain(firstNew: number, batches: readonly ReadFrame[]): string | undefined {
    const at = brokenChain(firstNew === this.#clock ? this.#tip : undefined, batches)
    if (at === -1) return undefined
    return `log ${showReplicaId(this.id)} has two histories: the batch at clock ${firstNew + at} follows another one`
  }

  /** Follows the digest through the new batches. */
  #digestFails(
    update: LogUpdate,
    firstNew: number,
    batches: readonly Batch[],
    staged: StagedEntries,
  ): string | undefined {
    const gapEnd = this.#gapEndWith(update)
    let head = this.#declaredHead
    for (const [i, batch] of batches.entries()) {
      staged.add(batch, firstNew + i)
      if (head < gapEnd && batch.head >= gapEnd) staged.closeGap(gapEnd)
      head = Math.max(head, batch.head)
      if (head > firstNew + i) return `log ${showReplicaId(this.id)} declares a head past its clock`
      if (head >= gapEnd && !staged.digest.equals(batch.digest)) {
        return `log ${showReplicaId(this.id)} does not match its digest at clock ${firstNew + i}`
      }
    }
    return undefined
  }

  /** Only a declared prefix may go, of elements that are held and hold nothing live. Answers false where that cannot be said
   *  yet: this log misses an earlier deletion, or is in the middle of a catch-up and counts as live what the gap replaced.
   *  @throws TallymeshError UPDATE_REFUSED */
  #judgeDeletes(update: LogUpdate, clock: number, batches: readonly Batch[], staged: StagedEntries): boolean {
    if (!update.deletes) return true
    const { from, to } = update.deletes
    const declared = batches.reduce((head, batch) => Math.max(head, batch.head), this.#declaredHead)
    if (to <= declared && to <= clock) {
      if (from > this.#head) return false
      if (staged.liveIn(this.#head, to) === 0) return true
      if (declared < this.#gapEndWith(update)) return false
    }
    throw new TallymeshError(
      'UPDATE_REFUSED',
      `an update deletes [${from}, ${to}) of log ${showReplicaId(this.id)}, whose batches declare a head of ${declared}`,
    )
  }
}

function ignore(): void {}

function damaged(reason: string): TallymeshError {
  return new TallymeshError('LOG_DAMAGED', reason)
}
