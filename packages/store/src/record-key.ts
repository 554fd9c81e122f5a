import { type ReplicaId, showReplicaId } from '@tallymesh/crdt'
import { keyEncoding } from 'y-leveldb'
import type { LevelKey } from './durable-level.js'

/** In place of a clock: the head record of a log. */
export const HEAD = -1

/** y-leveldb numbers a document's updates with 32 bits and wraps around silently; a log goes on in another document
 *  after this many clocks, far below. */
export const DOCUMENT_CLOCKS = 2 ** 31

/** The y-leveldb document that holds the records of `log` from this clock on. */
export function documentName(log: ReplicaId, part: number): string {
  return part === 0 ? `log/${showReplicaId(log)}` : `log/${showReplicaId(log)}/${part}`
}

/** Where a record lies, as y-leveldb writes that: update 0 of the first document is the head record, update n + 1 the one that starts at n. */
export function recordKey(log: ReplicaId, clock: number): Buffer {
  if (clock === HEAD) return updateKey(documentName(log, 0), 0)
  return updateKey(documentName(log, partOf(clock)), (clock % DOCUMENT_CLOCKS) + 1)
}

const NUMBER_BYTES = 4
const DOCUMENTS_MAX = 1024
/** The keys of update 0 of documents: of the others the last bytes differ. */
const firsts = new Map<string, Buffer>()

function updateKey(document: string, update: number): Buffer {
  let first = firsts.get(document)
  if (!first) {
    if (firsts.size === DOCUMENTS_MAX) firsts.clear()
    firsts.set(document, (first = keyEncoding.encode(['v1', document, 'update', 0])))
  }
  const key = Buffer.from(first)
  key.writeUInt32BE(update, key.length - NUMBER_BYTES)
  return key
}

export function partOf(clock: number): number {
  return Math.floor(clock / DOCUMENT_CLOCKS)
}

export interface RecordPlace {
  readonly log: ReplicaId
  readonly clock: number
}

/** The place that `recordKey` encodes so, or undefined for any other bytes. */
export function parseRecordKey(bytes: Uint8Array): RecordPlace | undefined {
  const key = decodeKey(bytes)
  if (key?.length !== 4 || key[0] !== 'v1' || key[2] !== 'update') return undefined
  const [, name, , number] = key
  if (typeof name !== 'string' || typeof number !== 'number') return undefined
  const found = /^log\/([1-9a-f][0-9a-f]{0,13})(?:\/([1-9][0-9]{0,6}))?$/.exec(name)
  if (!found) return undefined
  const log = Number.parseInt(found[1] as string, 16)
  const part = Number(found[2] ?? 0)
  const clock = number === 0 ? HEAD : part * DOCUMENT_CLOCKS + number - 1
  if (!Number.isSafeInteger(log) || !Number.isSafeInteger(clock)) return undefined
  // One place has one key: whatever would not be written so was not written here.
  const place = { log: log as ReplicaId, clock }
  return recordKey(place.log, clock).equals(bytes) ? place : undefined
}

function decodeKey(bytes: Uint8Array): LevelKey | undefined {
  try {
    return keyEncoding.decode(bytes)
  } catch {
    return undefined
  }
}
