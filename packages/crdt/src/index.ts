export { checkAmount, checkSignedAmount } from './amount.js'
export { BATCH_VERSION_MAX, type BatchVersion, batchChecksum, batchDigest, decodeBatch } from './batch.js'
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
export { type CrcStep, crcStep } from './crc-step.js'
export { crc32 } from './crc32.js'
export { Digest, hashBytes } from './digest.js'
export { type Dropped, droppedIdentity } from './dropped.js'
export type { CommitMark, LogWrite, StoredLog } from './durable.js'
export {
  type AdoptedEntry,
  type Entry,
  entryIdentity,
  type ForkEntry,
  type MemberEntry,
  type OtherEntry,
  type RemovalsEntry,
  type SlotEntry,
  type TakeStoredSlot,
} from './entry.js'
export { ERROR_CODES, type ErrorCode, TallymeshError } from './errors.js'
export {
  type ClaimEntry,
  type FenceEntry,
  FOLD_BYTES_MAX,
  FOLD_SLOTS_MAX,
  type FoldEntry,
} from './fold-entry.js'
export type { Folds } from './folds.js'
export { type IdList, IdLists, LIST_IDS_MAX } from './id-lists.js'
export { freshReplicaId, type Random, type ReplicaId, replicaId, type StoreId, showReplicaId, storeId } from './ids.js'
export { KeptEncoder } from './kept-encoder.js'
export { Ledger } from './ledger.js'
export { type DropEntry, isLedgerEntry, type LedgerEntry, removedBy } from './ledger-entry.js'
export { absorbedUnder, adoptedNumber } from './ledger-ids.js'
export { decodeLogBatch } from './log-batch.js'
export { decodeLogUpdate, logRoot, rootLog } from './log-update.js'
export { type AppendedCommit, LogWriter } from './log-writer.js'
export {
  type ArrivedSettlement,
  hashOf,
  type LogLedger,
  type LogPoint,
  type Operation,
  type OperationHash,
  pointOf,
} from './operation.js'
export {
  type AbsorbedEntry,
  type AdmissionEntry,
  countsBytes,
  hashCounts,
  OPERATION_BYTES_MAX,
  OPERATION_COUNTS_MAX,
  type OperationCount,
  type OperationEntry,
  type RequiresEntry,
  SETTLEMENT_MAX,
  type SettledOperation,
  type SettlementEntry,
} from './operation-entry.js'
export { freshOperationId, type OperationId, operationId, operationTimeMs, showOperationId } from './operation-id.js'
export { ReplicaLog } from './replica-log.js'
export { safeValue } from './safe-value.js'
export { saidAlone } from './said-alone.js'
export { SlotTotals } from './slot-totals.js'
export { type Slot, Table } from './table.js'
export type { SnapshotSlot, TableSnapshot } from './table-snapshot.js'
export type { CheckedUpdate, Verdict } from './verdict.js'
