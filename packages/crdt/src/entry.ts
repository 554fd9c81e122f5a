import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { type CounterKey, canonicalKey, checkName, isPlainKey } from './counter-key.js'
import { hashBytes } from './digest.js'
import { TallymeshError } from './errors.js'
import { readHex, writeHex } from './hex.js'
import { type IdList, LIST_IDS_MAX } from './id-lists.js'
import { type ReplicaId, replicaId, type StoreId, storeId } from './ids.js'
import { isLedgerEntry, type LedgerEntry, ledgerIdentity, readLedgerEntry, writeLedgerEntry } from './ledger-entry.js'
import { readText, writeText } from './text.js'
import { readUint, writeUint } from './uint.js'

/** A slot of the log's own replica, as absolute totals. */
export interface SlotEntry {
  readonly kind: 'slot'
  readonly key: CounterKey
  readonly p: number
  readonly n: number
}

/** A slot of another replica, kept in this log because its own log is damaged, forked or was imported. */
export interface AdoptedEntry {
  readonly kind: 'adopted'
  readonly replica: ReplicaId
  readonly key: CounterKey
  readonly p: number
  readonly n: number
}

/** A member of the room, named by its store. `removed` is for good. */
export interface MemberEntry {
  readonly kind: 'member'
  readonly store: StoreId
  readonly name: string
  readonly urls: readonly string[]
  readonly removed: boolean
}

/** Says that two different histories exist under a replica id: its log is frozen everywhere, its slots are adopted. */
export interface ForkEntry {
  readonly kind: 'fork'
  readonly replica: ReplicaId
}

/** These stores were removed from the room for good, a while ago: their records need not be kept. */
export interface RemovalsEntry extends IdList<StoreId> {
  readonly kind: 'removals'
}

/** What a batch carries. A later entry of the same identity in the same log replaces the earlier one. */
export type Entry = SlotEntry | OtherEntry

/** What is no slot of the log's own replica. */
export type OtherEntry = AdoptedEntry | MemberEntry | ForkEntry | RemovalsEntry | LedgerEntry

/** The numbers that stand for the kinds in a batch; `increments`, a slot that was never decremented, from version 2 on. 5 to 14
 *  are the kinds of `LedgerEntry`, which like `removals` are of version 3; resets will be 16 and up. */
const KINDS = { slot: 0, adopted: 1, member: 2, fork: 3, increments: 4, removals: 15 } as const
export const URLS_MAX = 8
export const URL_BYTES_MAX = 1024

/** How many a log counts an entry for: operations and folds, which list counts, for as many as these are. Lists of ids count once: they come
 *  rarely, and stay. */
export function entryWeight(entry: Entry): number {
  switch (entry.kind) {
    case 'operation':
      return entry.counts.length
    case 'settlement':
      return Math.max(1, entry.operations.length)
    case 'fold':
      return Math.max(1, entry.slots.length)
    default:
      return 1
  }
}

/** What an entry is about: two entries of one log with the same identity replace each other. The identity of a slot is its
 *  key; the others start with a control character, which no key holds. */
export function entryIdentity(entry: Entry): string {
  if (isLedgerEntry(entry)) return ledgerIdentity(entry)
  switch (entry.kind) {
    case 'slot':
      return entry.key
    case 'adopted':
      return `\u0001${entry.replica}\u0001${entry.key}`
    case 'member':
      return `\u0002${entry.store}`
    case 'fork':
      return `\u0003${entry.replica}`
    case 'removals':
      return `\u0010${entry.number}`
  }
}

/** Writes what is no slot of the log's own replica: see `writeSlot`. */
export function writeEntry(encoder: encoding.Encoder, entry: OtherEntry): void {
  if (isLedgerEntry(entry)) {
    writeLedgerEntry(encoder, entry)
    return
  }
  encoding.writeUint8(encoder, KINDS[entry.kind])
  switch (entry.kind) {
    case 'adopted':
      encoding.writeVarUint(encoder, entry.replica)
      writeText(encoder, entry.key)
      encoding.writeVarUint(encoder, entry.p)
      encoding.writeVarUint(encoder, entry.n)
      return
    case 'member':
      writeHex(encoder, entry.store)
      encoding.writeUint8(encoder, entry.removed ? 1 : 0)
      encoding.writeVarString(encoder, entry.name)
      encoding.writeVarUint(encoder, entry.urls.length)
      for (const url of entry.urls) encoding.writeVarString(encoder, url)
      return
    case 'fork':
      encoding.writeVarUint(encoder, entry.replica)
      return
    case 'removals':
      encoding.writeVarUint(encoder, entry.number)
      encoding.writeVarUint(encoder, entry.ids.length)
      for (const store of entry.ids) writeHex(encoder, store)
      return
  }
}

/** Writes a slot of the log's own replica, whose key need not become a text for it. Answers where it ends.
 *  @param version of the batch */
export function writeSlot(
  to: Uint8Array,
  at: number,
  keys: KeyBytes,
  slot: { readonly id: number; readonly p: number; readonly n: number },
  version: number,
): number {
  const { id, p, n } = slot
  const counted = version > 1 && n === 0
  to[at] = counted ? KINDS.increments : KINDS.slot
  const totals = keys.writeKey(id, to, at + 1)
  const end = writeUint(to, totals, p)
  return counted ? end : writeUint(to, end, n)
}

/** Reads one entry. Keys that are `known` are not checked again.
 *  @param version of the batch
 *  @throws TallymeshError BATCH_UNSUPPORTED for a kind that this version does not know; any other error means damage */
export function readEntry(decoder: decoding.Decoder, known: KnownKeys, version = 1): Entry {
  // lib0 reads undefined past the end, which must not look like a kind of a newer version.
  if (!(decoder.pos < decoder.arr.length)) throw new RangeError('an entry that is not there')
  const kind = decoding.readUint8(decoder)
  if (kind === KINDS.increments && version > 1) {
    return { kind: 'slot', key: readKey(decoder, known), p: readUint(decoder), n: 0 }
  }
  if (kind === KINDS.removals && version > 2) return readRemovals(decoder)
  switch (kind) {
    case KINDS.slot:
      return { kind: 'slot', ...readSlot(decoder, known) }
    case KINDS.adopted:
      return { kind: 'adopted', replica: replicaId(readUint(decoder)), ...readSlot(decoder, known) }
    case KINDS.member:
      return readMember(decoder)
    case KINDS.fork:
      return { kind: 'fork', replica: replicaId(readUint(decoder)) }
    default: {
      const entry = version > 2 ? readLedgerEntry(decoder, kind, () => readKey(decoder, known)) : undefined
      if (entry) return entry
      throw new TallymeshError(
        'BATCH_UNSUPPORTED',
        `a batch holds an entry of kind ${kind}, which this version does not know; upgrade this node`,
      )
    }
  }
}

/** Finds a canonical key that was met before, so that reading it again needs no check. */
export interface KnownKeys {
  findKey(text: string): CounterKey | undefined
}

/** For readers that have met no key yet. */
export const NO_KNOWN_KEYS: KnownKeys = { findKey: () => undefined }

function readSlot(decoder: decoding.Decoder, known: KnownKeys): { key: CounterKey; p: number; n: number } {
  const key = readKey(decoder, known)
  const p = readUint(decoder)
  const n = readUint(decoder)
  return { key, p, n }
}

function readKey(decoder: decoding.Decoder, known: KnownKeys): CounterKey {
  const text = readText(decoder)
  if (isPlainKey(text)) return text
  const key = known.findKey(text) ?? canonicalKey(text)
  if (key !== text) throw new TallymeshError('BATCH_DAMAGED', `key ${JSON.stringify(text)} is not in canonical form`)
  return key
}

/** Keys by small integers, as they are written. */
export interface KeyBytes {
  /** Writes a key as `writeText` does; answers where it ends. */
  writeKey(id: number, to: Uint8Array, at: number): number
}

/** Small integers for keys, which need not become text to be found. */
export interface KeyNumbers extends KnownKeys {
  idOf(key: CounterKey): number
  /** Of a key whose UTF-8 is `bytes[from, to)`; -1 where it has to be checked first. */
  idAt(bytes: Uint8Array, from: number, to: number): number
}

/** Takes a slot of a log, by the id of its key, with the two lanes of its hash. */
export type TakeSlot = (keyId: number, p: number, n: number, lo: number, hi: number) => void

/** Takes the totals of a slot of a log that is loaded, by the id of its key. */
export type TakeStoredSlot = (keyId: number, p: number, n: number) => void

/** Whether a slot of the log's own replica comes next.
 *  @param version of the batch */
export function isSlotNext({ arr, pos }: decoding.Decoder, version: number): boolean {
  return arr[pos] === KINDS.slot || (arr[pos] === KINDS.increments && version > 1)
}

/** Reads the slot that comes next without making an object or a text of it.
 *  @throws what `readEntry` throws */
export function readNextSlot(decoder: decoding.Decoder, keys: KeyNumbers, take: TakeSlot): void {
  const start = decoder.pos++
  const keyId = readKeyId(decoder, keys)
  const p = readUint(decoder)
  const n = decoder.arr[start] === KINDS.slot ? readUint(decoder) : 0
  const { lo, hi } = hashBytes(decoder.arr, start, decoder.pos)
  take(keyId, p, n, lo, hi)
}

function readKeyId(decoder: decoding.Decoder, keys: KeyNumbers): number {
  const { arr, pos } = decoder
  const length = arr[pos] as number
  const to = pos + 1 + length
  if (length < 0x80 && to <= arr.length) {
    const id = keys.idAt(arr, pos + 1, to)
    if (id !== -1) {
      decoder.pos = to
      return id
    }
  }
  return keys.idOf(readKey(decoder, keys))
}

function readMember(decoder: decoding.Decoder): MemberEntry {
  const store = readHex(decoder)
  const flags = decoding.readUint8(decoder)
  if (flags > 1) throw new TallymeshError('BATCH_UNSUPPORTED', `a member record has unknown flags ${flags}`)
  const name = decoding.readVarString(decoder)
  const urls: string[] = []
  for (let count = readUint(decoder); count > 0; count--) urls.push(decoding.readVarString(decoder))
  return checkMember({ kind: 'member', store: storeId(store), name, urls, removed: flags === 1 })
}

function readRemovals(decoder: decoding.Decoder): RemovalsEntry {
  const number = readUint(decoder)
  const ids: StoreId[] = []
  const length = readUint(decoder)
  if (length < 1 || length > LIST_IDS_MAX) {
    throw new TallymeshError('BATCH_DAMAGED', `a list of removed stores names ${length}, outside 1 to ${LIST_IDS_MAX}`)
  }
  while (ids.length < length) {
    const store = storeId(readHex(decoder))
    if (store <= (ids.at(-1) ?? '')) throw new TallymeshError('BATCH_DAMAGED', 'removed stores are out of order')
    ids.push(store)
  }
  return { kind: 'removals', number, ids }
}

/** Refuses a record that could not be read back: it would make its whole log unreadable.
 *  @throws TallymeshError INVALID_NAME */
export function checkMember(member: MemberEntry): MemberEntry {
  checkName('node name', member.name)
  if (member.urls.length > URLS_MAX) {
    throw new TallymeshError(
      'INVALID_NAME',
      `a node may list ${URLS_MAX} URLs, ${member.name} has ${member.urls.length}`,
    )
  }
  for (const url of member.urls) checkName('URL of a node', url, URL_BYTES_MAX)
  return member
}
