import * as encoding from 'lib0/encoding'
import { BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, type BatchVersion, PACK_BYTES_MAX, type Pack } from './batch.js'
import { type Digest, hashBytes } from './digest.js'
import { type Entry, type OtherEntry, writeEntry, writeSlot } from './entry.js'
import { isLedgerEntry } from './ledger-entry.js'
import type { ReplicaLog } from './replica-log.js'
import { SlotTotals } from './slot-totals.js'

/** Of the commit that is being packed. An entry that does not fit into a pack any more still fits in here. */
const encoder = encoding.createEncoder()
encoder.cbuf = new Uint8Array(2 * BATCH_BYTES_MAX)

/** What one element says, for as long as its writer keeps that. */
export class Said {
  readonly slots = new SlotTotals()
  readonly others: OtherEntry[] = []
  /** Folds count for the slots that they list, all else once: what operations come in weighs more only while it is live, so that it is
   *  seldom moved. */
  size = 0

  /** How many entries it has. */
  get count(): number {
    return this.slots.size + this.others.length
  }

  addSlot(id: number, p: number, n: number): void {
    this.slots.add(id, p, n)
    this.size++
  }

  add(entry: OtherEntry): void {
    this.others.push(entry)
    this.size += entry.kind === 'fold' ? entry.slots.length : 1
  }
}

/** A pack with what it says, and the digest of its log behind it. */
export interface SaidPack extends Pack {
  readonly said: Said
  readonly digest: Digest
}

/** Encodes what one commit says, one entry behind the other, into as few packs as the limits of a batch allow. Each entry is live in its
 *  log as soon as it is packed, and where it will stand. Only one commit is packed at a time, over all logs. */
export class CommitPacker {
  readonly #packs: SaidPack[] = []
  #said = new Said()
  #version: BatchVersion
  /** How much it packed so far: see `Said`. */
  size = 0

  /** @param version what all who read them must know; packs that say something of operations, or name removed stores, have version 3 */
  constructor(
    readonly log: ReplicaLog,
    readonly version: BatchVersion,
  ) {
    this.#version = version
    encoder.cpos = 0
    encoder.bufs.length = 0
  }

  /** @throws RangeError for an entry that is longer than a batch, which nobody could read: the log is not to be used any more then */
  add(entry: Entry): void {
    if (entry.kind === 'slot') return this.addSlot(this.log.known.idOf(entry.key), entry.p, entry.n)
    const start = this.#start()
    writeEntry(encoder, entry)
    if (encoder.bufs.length > 0 || encoder.cpos - start > PACK_BYTES_MAX) {
      throw new RangeError(`an entry is longer than the ${PACK_BYTES_MAX} bytes that one batch has for it`)
    }
    const { lo, hi } = hashBytes(encoder.cbuf, this.#fit(start), encoder.cpos)
    this.log.live.take(entry, lo, hi, this.#clock)
    const { size } = this.#said
    this.#said.add(entry)
    this.size += this.#said.size - size
    if (isLedgerEntry(entry) || entry.kind === 'removals') this.#version = 3
  }

  /** The totals of a slot of the log, by the id of its key. */
  addSlot(id: number, p: number, n: number): void {
    const start = this.#start()
    encoder.cpos = writeSlot(encoder.cbuf, start, this.log.known, { id, p, n }, this.version)
    const { lo, hi } = hashBytes(encoder.cbuf, this.#fit(start), encoder.cpos)
    this.log.live.setSlot(id, this.#clock, lo, hi)
    this.#said.addSlot(id, p, n)
    this.size++
  }

  /** All packs, at least one: the last holds nothing where nothing was packed. Valid until the next commit is packed. */
  end(): readonly SaidPack[] {
    this.#close(encoder.cbuf.subarray(0, encoder.cpos))
    return this.#packs
  }

  /** Of the element that is being packed. */
  get #clock(): number {
    return this.log.clock + this.#packs.length
  }

  /** Where the next entry begins. */
  #start(): number {
    if (this.#said.count === BATCH_ENTRIES_MAX) {
      this.#close(encoder.cbuf.slice(0, encoder.cpos))
      encoder.cpos = 0
    }
    return encoder.cpos
  }

  /** The entry that was written from `start` on begins the next pack where this one cannot take it. Answers where it begins then. */
  #fit(start: number): number {
    if (encoder.cpos <= PACK_BYTES_MAX || start === 0) return start
    this.#close(encoder.cbuf.slice(0, start))
    encoder.cbuf.copyWithin(0, start, encoder.cpos)
    encoder.cpos -= start
    return 0
  }

  #close(bytes: Uint8Array): void {
    const said = this.#said
    this.#packs.push({ version: this.#version, count: said.count, bytes, said, digest: this.log.digest.copy() })
    this.#said = new Said()
    this.#version = this.version
  }
}
