import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { CounterKey } from './counter-key.js'
import { type Dropped, droppable, droppedIdentity, readDropped, readReplica, writeDropped } from './dropped.js'
import { TallymeshError } from './errors.js'
import { type ClaimEntry, type FenceEntry, FOLD_SLOTS_MAX, type FoldEntry } from './fold-entry.js'
import { readHex, writeHex } from './hex.js'
import { LIST_IDS_MAX } from './id-lists.js'
import { type ReplicaId, replicaId, storeId } from './ids.js'
import {
  type AbsorbedEntry,
  type AdmissionEntry,
  type FloorEntry,
  OPERATION_COUNTS_MAX,
  type OperationCount,
  type OperationEntry,
  type RequiresEntry,
  SETTLEMENT_MAX,
  type SettlementEntry,
  writeCount,
  writeCounts,
} from './operation-entry.js'
import { readOperationId, writeOperationId } from './operation-id.js'
import { readUint } from './uint.js'

/** The log no longer says something. */
export interface DropEntry {
  readonly kind: 'drop'
  readonly of: Dropped
}

/** What a log says of operations, and of ids that are folded. These entries act together, in the order of causes: see `Ledger`. */
export type LedgerEntry =
  | OperationEntry
  | SettlementEntry
  | AbsorbedEntry
  | DropEntry
  | RequiresEntry
  | FloorEntry
  | AdmissionEntry
  | ClaimEntry
  | FoldEntry
  | FenceEntry

export const LEDGER_KINDS = {
  operation: 5,
  settlement: 6,
  absorbed: 7,
  drop: 8,
  requires: 9,
  floor: 10,
  admission: 11,
  claim: 12,
  fold: 13,
  fence: 14,
} as const

const NONE: readonly string[] = []

export function isLedgerEntry(entry: { readonly kind: string }): entry is LedgerEntry {
  // Most entries are slots.
  return entry.kind !== 'slot' && entry.kind in LEDGER_KINDS
}

export function ledgerIdentity(entry: LedgerEntry): string {
  switch (entry.kind) {
    case 'operation':
      return entry.id
    case 'settlement':
      return droppedIdentity({ settlement: entry.number })
    case 'absorbed':
      return `\u0006${entry.key}`
    case 'drop':
      return droppedIdentity(entry.of)
    case 'requires':
      return droppedIdentity({ requires: entry.log })
    case 'floor':
      return '\u0008'
    case 'admission':
      return '\u000b'
    case 'claim':
      return droppedIdentity({ claim: entry.replica })
    case 'fold':
      return droppedIdentity({ fold: entry.replica, number: entry.number })
    case 'fence':
      return `\u000e${entry.number}`
  }
}

/** The drop of an identity that a log may drop, undefined for any other. */
export function dropOf(identity: string): DropEntry | undefined {
  const of = droppable(identity)
  return of && { kind: 'drop', of }
}

/** The identities that an entry takes out of its log. */
export function removedBy(entry: { readonly kind: string }): readonly string[] {
  if (entry.kind === 'drop') return [ledgerIdentity(entry as DropEntry)]
  if (entry.kind !== 'settlement') return NONE
  return (entry as SettlementEntry).operations.map(({ id }) => id)
}

export function writeLedgerEntry(encoder: encoding.Encoder, entry: LedgerEntry): void {
  encoding.writeUint8(encoder, LEDGER_KINDS[entry.kind])
  switch (entry.kind) {
    case 'operation':
      writeOperationId(encoder, entry.id)
      return writeCounts(encoder, entry.counts)
    case 'settlement':
      encoding.writeVarUint(encoder, entry.number)
      encoding.writeVarUint(encoder, entry.operations.length)
      for (const { id, lo, hi } of entry.operations) {
        writeOperationId(encoder, id)
        encoding.writeUint32(encoder, lo)
        encoding.writeUint32(encoder, hi)
      }
      return
    case 'absorbed':
      return writeCount(encoder, entry)
    case 'drop':
      return writeDropped(encoder, entry.of)
    case 'requires':
      encoding.writeVarUint(encoder, entry.log)
      encoding.writeVarUint(encoder, entry.clock)
      return
    case 'floor':
      encoding.writeVarUint(encoder, entry.timeMs)
      return
    case 'admission':
      writeHex(encoder, entry.store)
      encoding.writeUint8(encoder, entry.admitted ? 1 : 0)
      return
    case 'fold':
      encoding.writeVarUint(encoder, entry.replica)
      encoding.writeVarUint(encoder, entry.number)
      return writeCounts(encoder, entry.slots)
    case 'fence':
      encoding.writeVarUint(encoder, entry.number)
      return writeAscending(encoder, entry.ids)
    default:
      encoding.writeVarUint(encoder, entry.replica)
  }
}

/** Reads an entry of one of the kinds above; undefined for another kind.
 *  @throws any error where it is damaged */
export function readLedgerEntry(
  decoder: decoding.Decoder,
  kind: number,
  readKey: () => CounterKey,
): LedgerEntry | undefined {
  switch (kind) {
    case LEDGER_KINDS.operation: {
      const id = readOperationId(decoder)
      const counts = readList(decoder, OPERATION_COUNTS_MAX, () => readCount(decoder, readKey))
      if (counts.length === 0) throw new TallymeshError('BATCH_DAMAGED', 'an operation counts nothing')
      return { kind: 'operation', id, counts }
    }
    case LEDGER_KINDS.settlement:
      return {
        kind: 'settlement',
        number: readUint(decoder),
        operations: readList(decoder, SETTLEMENT_MAX, () => {
          const id = readOperationId(decoder)
          return { id, lo: decoding.readUint32(decoder) | 0, hi: decoding.readUint32(decoder) | 0 }
        }),
      }
    case LEDGER_KINDS.absorbed:
      return { kind: 'absorbed', ...readCount(decoder, readKey) }
    case LEDGER_KINDS.drop:
      return { kind: 'drop', of: readDropped(decoder, readKey) }
    case LEDGER_KINDS.requires:
      return { kind: 'requires', log: readReplica(decoder), clock: readUint(decoder) }
    case LEDGER_KINDS.floor:
      return { kind: 'floor', timeMs: readUint(decoder) }
    case LEDGER_KINDS.admission:
      return { kind: 'admission', store: storeId(readHex(decoder)), admitted: readFlag(decoder) }
    case LEDGER_KINDS.claim:
      return { kind: 'claim', replica: readReplica(decoder) }
    case LEDGER_KINDS.fold: {
      const fold = { kind: 'fold', replica: readReplica(decoder), number: readUint(decoder) } as const
      return { ...fold, slots: readList(decoder, FOLD_SLOTS_MAX, () => readCount(decoder, readKey)) }
    }
    case LEDGER_KINDS.fence:
      return { kind: 'fence', number: readUint(decoder), ids: readAscending(decoder) }
    default:
      return undefined
  }
}

function readCount(decoder: decoding.Decoder, readKey: () => CounterKey): OperationCount {
  return { key: readKey(), p: readUint(decoder), n: readUint(decoder) }
}

/** Each id as what it is above the one before: so they can be in one order only. */
function writeAscending(encoder: encoding.Encoder, replicas: readonly ReplicaId[]): void {
  encoding.writeVarUint(encoder, replicas.length)
  let before = 0
  for (const replica of replicas) {
    encoding.writeVarUint(encoder, replica - before)
    before = replica
  }
}

function readAscending(decoder: decoding.Decoder): ReplicaId[] {
  const length = readUint(decoder)
  if (length < 1 || length > LIST_IDS_MAX) {
    throw new TallymeshError('BATCH_DAMAGED', `a fence names ${length} ids, outside 1 to ${LIST_IDS_MAX}`)
  }
  // An array that holds nothing but numbers takes a third of the memory.
  const replicas: ReplicaId[] = []
  for (let before = 0; replicas.length < length; ) {
    const replica = replicaId(before + readUint(decoder))
    if (replica === before) throw new TallymeshError('BATCH_DAMAGED', 'a fence names an id twice')
    replicas.push(replica)
    before = replica
  }
  return replicas
}

function readFlag(decoder: decoding.Decoder): boolean {
  const flag = decoding.readUint8(decoder)
  if (flag > 1) throw new TallymeshError('BATCH_DAMAGED', `an entry has the flag ${flag}`)
  return flag === 1
}

function readList<Item>(decoder: decoding.Decoder, max: number, read: () => Item): Item[] {
  const length = readUint(decoder)
  if (length > max) throw new TallymeshError('BATCH_DAMAGED', `an entry lists ${length}, more than ${max}`)
  if (length === 0) return []
  // Most operations count on one key, and a list that begins without one takes room for 17.
  const items = [read()]
  while (items.length < length) items.push(read())
  return items
}
