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

/** Where a record lies: update 0 of the first document is the head record, update n + 1 the one that starts at n. */
export function recordKey(log: ReplicaId, clock: number): LevelKey {
  if (clock === HEAD) return ['v1', documentName(log, 0), 'update', 0]
  return ['v1', documentName(log, partOf(clock)), 'update', (clock % DOCUMENT_CLOCKS) + 1]
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
  return keyEncoding.encode(recordKey(place.log, clock)).equals(bytes) ? place : undefined
}

function decodeKey(bytes: Uint8Array): LevelKey | undefined {
  try {
    return keyEncoding.decode(bytes)
  } catch {
    return undefined
  }
}
