export { checkAmount, checkSignedAmount } from './amount.js'
export { BATCH_VERSION_MAX, type BatchVersion, decodeBatch } from './batch.js'
export {
  type CounterKey,
  type CounterName,
  canonicalKey,
  checkName,
  counterKey,
  type Labels,
  parseCounterKey,
} from './counter-key.js'
export { CounterView, readCounters } from './counter-view.js'
export { crc32 } from './crc32.js'
export { Digest, hashHi, hashLo } from './digest.js'
export type { CommitMark, LogWrite, StoredLog } from './durable.js'
export {
  type AdoptedEntry,
  type Entry,
  entryIdentity,
  type ForkEntry,
  type MemberEntry,
  type SlotEntry,
} from './entry.js'
export { ERROR_CODES, type ErrorCode, TallymeshError } from './errors.js'
export { freshReplicaId, type Random, type ReplicaId, replicaId, type StoreId, showReplicaId, storeId } from './ids.js'
export { decodeLogUpdate, logRoot, rootLog } from './log-update.js'
export { type AppendedCommit, LogWriter } from './log-writer.js'
export { ReplicaLog } from './replica-log.js'
export { type Slot, safeValue, Table } from './table.js'
export type { SnapshotSlot, TableSnapshot } from './table-snapshot.js'
export type { CheckedUpdate, Verdict } from './verdict.js'
