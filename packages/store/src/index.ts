export { Ledger, type RecordSink } from './ledger.js'
export { type LevelStoreOptions, openLevelStore } from './level-store.js'
export { MemoryDisk, MemoryStore, type MemoryStoreOptions } from './memory-store.js'
export type { Store, StoreWrite } from './store.js'
export { type VerifiedStore, type VerifyStoreOptions, verifyStore } from './verify-store.js'
export { openWitness, Witness, type WitnessOptions, type WitnessPort } from './witness.js'
export {
  decodeWitness,
  encodeWitness,
  WITNESS_BYTES,
  type WitnessReading,
  type WitnessRecord,
} from './witness-record.js'
export { WriteQueue, type WriteTarget } from './write-queue.js'
