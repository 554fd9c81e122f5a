import { type Batch, decodeBatch } from './batch.js'
import type { KnownKeys } from './entry.js'
import { TallymeshError } from './errors.js'
import { type ReplicaId, showReplicaId } from './ids.js'

/** Reads a batch of the log `log`, checking what can be checked of it alone. A log that ended its own id would take with it what nobody
 *  else took over: whoever folds an id does that in another log.
 *  @throws TallymeshError as `decodeBatch` */
export function decodeLogBatch(log: ReplicaId, bytes: Uint8Array, known: KnownKeys): Batch {
  const batch = decodeBatch(bytes, known)
  for (const { entry } of batch.entries) {
    if (entry.kind === 'fence' && entry.ids.includes(log)) {
      throw new TallymeshError('BATCH_DAMAGED', `log ${showReplicaId(log)} says of itself that it is folded whole`)
    }
  }
  return batch
}

/** Which of the batches does not follow the one before it, or -1: each names the checksum of that.
 *  @param tip the one before the first, if it is known */
export function brokenChain(tip: number | undefined, batches: readonly Batch[]): number {
  let before = tip
  for (const [i, { previous, checksum }] of batches.entries()) {
    if (before !== undefined && previous !== before) return i
    before = checksum
  }
  return -1
}
