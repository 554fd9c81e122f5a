import * as encoding from 'lib0/encoding'
import type { BatchVersion, Pack } from '../src/batch.js'
import { CommitPacker } from '../src/commit-packer.js'
import { writeEntry, writeSlot } from '../src/entry.js'
import { type Entry, ReplicaLog, replicaId, Table } from '../src/index.js'

/** One entry as it stands in a batch. */
export function bytesOf(entry: Entry, version = 1): Uint8Array {
  if (entry.kind === 'slot') {
    const table = new Table()
    const bytes = new Uint8Array(32 + 3 * entry.key.length)
    const slot = { id: table.idOf(entry.key), p: entry.p, n: entry.n }
    return bytes.subarray(0, writeSlot(bytes, 0, table, slot, version))
  }
  const encoder = encoding.createEncoder()
  writeEntry(encoder, entry)
  return encoding.toUint8Array(encoder)
}

/** Entries as the packs of one commit. */
export function packEntries(entries: readonly Entry[], version: BatchVersion = 1): Pack[] {
  const packer = new CommitPacker(new ReplicaLog(replicaId(1), new Table()), version)
  for (const entry of entries) packer.add(entry)
  return packer.end().map(({ version, count, bytes }) => ({ version, count, bytes: bytes.slice() }))
}
