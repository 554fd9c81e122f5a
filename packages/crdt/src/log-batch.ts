import { type Batch, type HashedEntry, type ReadFrame, readBatch, type SlotReader, type TakeEntry } from './batch.js'
import type { KnownKeys } from './entry.js'
import { TallymeshError } from './errors.js'
import { type ReplicaId, showReplicaId } from './ids.js'

/** Reads a batch of the log `log`, checking what can be checked of it alone. A log that ended its own id would take with it what nobody
 *  else took over: whoever folds an id does that in another log.
 *  @throws TallymeshError as `decodeBatch` */
export function decodeLogBatch(log: ReplicaId, bytes: Uint8Array, known: KnownKeys): Batch {
  const entries: HashedEntry[] = []
  const frame = readLogBatch(log, bytes, known, (entry, lo, hi) => entries.push({ entry, lo, hi }))
  return { ...frame, entries }
}

/** The same, entry by entry: see `readBatch`. */
export function readLogBatch(
  log: ReplicaId,
  bytes: Uint8Array,
  known: KnownKeys,
  take: TakeEntry,
  slots?: SlotReader,
): ReadFrame {
  const checked: TakeEntry = (entry, lo, hi) => {
    if (entry.kind === 'fence' && entry.ids.includes(log)) {
      throw new TallymeshError('BATCH_DAMAGED', `log ${showReplicaId(log)} says of itself that it is folded whole`)
    }
    take(entry, lo, hi)
  }
  return readBatch(bytes, known, checked, slots)
}

/** Which of the batches does not follow the one before it, or -1: each names the checksum of that.
 *  @param tip the one before the first, if it is known */
export function brokenChain(tip: number | undefined, batches: readonly Pick<Batch, 'previous' | 'checksum'>[]): number {
  let before = tip
  for (const [i, { previous, checksum }] of batches.entries()) {
    if (before !== undefined && previous !== before) return i
    before = checksum
  }
  return -1
}
