export { crc32 } from './crc32.js'
export { ERROR_CODES, type ErrorCode, TallymeshError } from './errors.js'
export { freshReplicaId, type Random, type ReplicaId, replicaId, type StoreId, showReplicaId, storeId } from './ids.js'
